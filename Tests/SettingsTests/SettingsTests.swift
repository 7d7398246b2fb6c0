import Logging
import ReverseCore
import Sockets
import Testing

@testable import Settings

@Suite("What a file may say")
struct SettingsTests {
    @Test("An empty file means the defaults")
    func emptyFile() throws {
        #expect(try settings("") == Settings())
        #expect(try settings("# nothing\n[limits]\n[log]\n") == Settings())
        #expect(try settings("\u{FEFF}\r\n") == Settings())
    }

    @Test("The defaults are those of the design")
    func defaults() {
        let defaults = Settings()
        #expect(defaults.listeners == [listener(.internet(host: "127.0.0.1", port: 5000))])
        #expect(defaults.framing == .line)
        #expect(defaults.unit == .character)
        #expect(defaults.limits.maximumConnections == 10_000)
        #expect(defaults.limits.maximumLineBytes == 1_048_576)
        #expect(defaults.limits.idleTimeout == .seconds(600))
        #expect(defaults.limits.drainTimeout == .seconds(10))
        #expect(defaults.log.level == .info)
        #expect(defaults.log.connections)
    }

    @Test("Every key is read")
    func everyKey() throws {
        let read = try settings(
            """
            host = "::"
            port = 0
            ipv6_only = true
            framing = "chunk"
            unit = "byte"
            limits = { max_connections = 1_000_000, max_line_bytes = 65536, idle_timeout = "0", drain_timeout = "1h" }
            [log]
            level = "warning"
            connections = false
            """
        )
        #expect(
            read.listeners == [
                listener(
                    .internet(host: "::", port: 0),
                    framing: .chunk,
                    unit: .byte,
                    ipv6Only: true
                )
            ]
        )
        #expect(read.framing == .chunk)
        #expect(read.unit == .byte)
        #expect(read.limits.maximumConnections == 1_000_000)
        #expect(read.limits.maximumLineBytes == 65_536)
        #expect(read.limits.idleTimeout == nil)
        #expect(read.limits.drainTimeout == .seconds(3600))
        #expect(read.log.level == .warning)
        #expect(!read.log.connections)
    }

    @Test("Listeners take the top level's framing and unit unless they have their own")
    func listeners() throws {
        let read = try settings(
            """
            unit = "scalar"
            [[listener]]
            port = 5001
            [[listener]]
            host = "localhost"
            framing = "chunk"
            unit = "byte"
            [[listener]]
            path = "/run/reversed/reversed.sock"
            mode = "0660"
            """
        )
        #expect(
            read.listeners == [
                listener(.internet(host: "127.0.0.1", port: 5001), unit: .scalar),
                listener(
                    .internet(host: "localhost", port: 5000),
                    framing: .chunk,
                    unit: .byte
                ),
                listener(
                    .unix(path: "/run/reversed/reversed.sock"),
                    unit: .scalar,
                    mode: 0o660
                ),
            ]
        )
    }

    @Test("A flag is over the file, and the file over the default")
    func precedence() throws {
        let file = "host = \"::1\"\nport = 7\nunit = \"byte\"\n[log]\nlevel = \"error\""
        #expect(
            try settings(file, Overrides(port: 9)).listeners.map(\.endpoint) == [
                .internet(host: "::1", port: 9)
            ]
        )
        #expect(
            try settings(file, Overrides(host: "h")).listeners.map(\.endpoint) == [
                .internet(host: "h", port: 7)
            ]
        )
        #expect(try settings(file, Overrides(host: "h")).listeners.map(\.unit) == [.byte])
        #expect(try settings(file, Overrides(logLevel: .debug)).log.level == .debug)
        #expect(try settings(file).log.level == .error)
        #expect(
            try settings("", Overrides(port: 9)).listeners.map(\.endpoint) == [
                .internet(host: "127.0.0.1", port: 9)
            ]
        )
    }

    @Test("A host or a port on the command line replaces all [[listener]] tables by one")
    func flagsOverListeners() throws {
        let file = "unit = \"byte\"\n[[listener]]\nport = 1\nframing = \"chunk\"\n[[listener]]\npath = \"/s\""
        #expect(try settings(file).listeners.count == 2)
        #expect(
            try settings(file, Overrides(port: 9)).listeners == [
                listener(.internet(host: "127.0.0.1", port: 9), unit: .byte)
            ]
        )
        #expect(
            try settings(file, Overrides(host: "::1")).listeners == [
                listener(.internet(host: "::1", port: 5000), unit: .byte)
            ]
        )
        #expect(try settings(file, Overrides(logLevel: .debug)).listeners.count == 2)
    }

    @Test("ipv6_only of the file stays with a host of the command line, unless that is an IPv4 address")
    func flagsAndIPv6Only() throws {
        let file = "host = \"::1\"\nipv6_only = true"
        #expect(try settings(file, Overrides(host: "::")).listeners.map(\.ipv6Only) == [true])
        #expect(try settings(file, Overrides(host: "127.0.0.1")).listeners.map(\.ipv6Only) == [false])
    }
}
