import DispatchServer
import Logging
import ReverseCore
import Sockets
import Testing

@testable import Settings

@Suite("The content of a file")
struct SettingsTests {
    @Test("An empty file means the defaults")
    func emptyFile() throws {
        #expect(try settings("") == Settings())
        #expect(try settings("# nothing\n[limits]\n[log]\n") == Settings())
        #expect(try settings("\u{FEFF}\r\n") == Settings())
    }

    @Test("The defaults are the documented ones")
    func defaults() {
        let defaults = Settings()
        #expect(defaults.server.listeners == [listener(.internet(host: "127.0.0.1", port: 5000))])
        #expect(defaults.server.options.framing == .line)
        #expect(defaults.server.options.unit == .character)
        #expect(defaults.server.limits.maximumConnections == 10_000)
        #expect(defaults.server.sessionLimits.maximumLineBytes == 1_048_576)
        #expect(defaults.server.limits.idleTimeout == .seconds(600))
        #expect(defaults.server.limits.drainTimeout == .seconds(10))
        #expect(defaults.logLevel == .info)
        #expect(defaults.server.logsConnections)
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
            read.server.listeners == [
                listener(
                    .internet(host: "::", port: 0),
                    framing: .chunk,
                    unit: .byte,
                    ipv6Only: true
                )
            ]
        )
        #expect(read.server.options.framing == .chunk)
        #expect(read.server.options.unit == .byte)
        #expect(read.server.limits.maximumConnections == 1_000_000)
        #expect(read.server.sessionLimits.maximumLineBytes == 65_536)
        #expect(read.server.limits.idleTimeout == nil)
        #expect(read.server.limits.drainTimeout == .seconds(3600))
        #expect(read.logLevel == .warning)
        #expect(!read.server.logsConnections)
    }

    @Test("Listeners have the framing and unit of the top level unless they set their own")
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
            read.server.listeners == [
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

    @Test("A flag overrides the file, and the file overrides the default")
    func precedence() throws {
        let file = "host = \"::1\"\nport = 7\nunit = \"byte\"\n[log]\nlevel = \"error\""
        #expect(
            try settings(file, Overrides(port: 9)).server.listeners.map(\.endpoint) == [
                .internet(host: "::1", port: 9)
            ]
        )
        #expect(
            try settings(file, Overrides(host: "h")).server.listeners.map(\.endpoint) == [
                .internet(host: "h", port: 7)
            ]
        )
        #expect(try settings(file, Overrides(host: "h")).server.listeners.map(\.options.unit) == [.byte])
        #expect(try settings(file, Overrides(logLevel: .debug)).logLevel == .debug)
        #expect(try settings(file).logLevel == .error)
        #expect(
            try settings("", Overrides(port: 9)).server.listeners.map(\.endpoint) == [
                .internet(host: "127.0.0.1", port: 9)
            ]
        )
    }

    @Test("A host or a port on the command line replaces all [[listener]] tables by one")
    func flagsOverListeners() throws {
        let file = "unit = \"byte\"\n[[listener]]\nport = 1\nframing = \"chunk\"\n[[listener]]\npath = \"/s\""
        #expect(try settings(file).server.listeners.count == 2)
        #expect(
            try settings(file, Overrides(port: 9)).server.listeners == [
                listener(.internet(host: "127.0.0.1", port: 9), unit: .byte)
            ]
        )
        #expect(
            try settings(file, Overrides(host: "::1")).server.listeners == [
                listener(.internet(host: "::1", port: 5000), unit: .byte)
            ]
        )
        #expect(try settings(file, Overrides(logLevel: .debug)).server.listeners.count == 2)
    }

    @Test("ipv6_only of the file stays with a host of the command line, unless that is an IPv4 address")
    func flagsAndIPv6Only() throws {
        let file = "host = \"::1\"\nipv6_only = true"
        #expect(try settings(file, Overrides(host: "::")).server.listeners.map(\.ipv6Only) == [true])
        #expect(try settings(file, Overrides(host: "127.0.0.1")).server.listeners.map(\.ipv6Only) == [false])
    }
}
