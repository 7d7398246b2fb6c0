import ReverseCore
import Testing

@testable import Settings

@Suite("Settings as TOML")
struct PrintingTests {
    @Test("The defaults, every key written out")
    func defaults() {
        #expect(
            Settings().toml == """
                host = "127.0.0.1"
                port = 5000
                ipv6_only = false
                framing = "line"
                unit = "character"

                [limits]
                max_connections = 10000
                max_line_bytes = "1MiB"
                idle_timeout = "10min"
                drain_timeout = "10s"

                [log]
                level = "info"
                connections = true

                """
        )
    }

    @Test("Whatever is printed loads again to the same settings")
    func roundTrip() throws {
        var random = SplitMix(state: 1)
        var printedListeners = 0
        for _ in 0..<500 {
            let original = Settings.random(using: &random)
            #expect(try settings(original.toml) == original, "\(original.toml)")
            printedListeners += original.toml.contains("[[listener]]") ? 1 : 0
        }
        #expect((50..<490).contains(printedListeners))
    }

    @Test("A place in a sentence")
    func places() {
        typealias Place = Settings.Listener.Place
        #expect(Place.internet(host: "127.0.0.1", port: 5000).description == "127.0.0.1:5000")
        #expect(Place.internet(host: "fe80::1%eth0", port: 0).description == "[fe80::1%eth0]:0")
        #expect(Place.unix(path: "/run/s").description == "/run/s")
    }

    @Test("One listener that differs from the top level is printed as a table")
    func oneListener() throws {
        let read = try settings("unit = 'byte'\n[[listener]]\nport = 1\nunit = 'scalar'")
        #expect(try settings(read.toml) == read)
    }
}

extension Settings {
    fileprivate static func random(using random: inout SplitMix) -> Settings {
        var settings = Settings()
        settings.framing = Framing.allCases.randomElement(using: &random) ?? .line
        settings.unit = ReversalUnit.allCases.randomElement(using: &random) ?? .character
        settings.limits.maximumConnections = .random(in: 1...1_000_000, using: &random)
        settings.limits.maximumLineBytes =
            [1, 1000, 1024, 3 << 20, 1 << 30].randomElement(using: &random) ?? 1
        settings.limits.idleTimeout =
            [nil, .milliseconds(1), .seconds(90), .seconds(120)].randomElement(using: &random) ?? nil
        settings.limits.drainTimeout = .milliseconds(Int.random(in: 1...86_400_000, using: &random))
        settings.log.level = LogLevel.allCases.randomElement(using: &random) ?? .info
        settings.log.connections = .random(using: &random)
        let listeners = (1...4).map { port in Listener.random(port: UInt16(port), using: &random) }
        settings.listeners = Array(listeners.prefix(.random(in: 1...4, using: &random)))
        if settings.listeners.count == 1, Bool.random(using: &random) {
            settings.listeners[0].framing = settings.framing
            settings.listeners[0].unit = settings.unit
        }
        return settings
    }
}

extension Settings.Listener {
    fileprivate static func random(port: UInt16, using random: inout SplitMix) -> Settings.Listener {
        let names = [
            "é 👨‍👩‍👧", "\"\\", "'#[]{}=", "\t\n\r\u{1}\u{7F}\u{85}\u{2028}", "\u{1B}[31m", "a", "\\u0041",
        ]
        let hosts = ["::", "::1", "fe80::1%eth0", "localhost"]
        var listener: Settings.Listener
        if Bool.random(using: &random) {
            listener = Settings.Listener(
                place: .unix(path: "/\(port)\(names.randomElement(using: &random) ?? "")")
            )
            listener.mode = .random(in: 0...0o777, using: &random)
        } else {
            let host = hosts.randomElement(using: &random) ?? "::"
            listener = Settings.Listener(place: .internet(host: host, port: port))
            listener.ipv6Only = .random(using: &random)
        }
        listener.framing = Framing.allCases.randomElement(using: &random) ?? .line
        listener.unit = ReversalUnit.allCases.randomElement(using: &random) ?? .character
        return listener
    }
}
