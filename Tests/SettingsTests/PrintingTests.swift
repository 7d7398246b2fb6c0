import DispatchServer
import Logging
import ReverseCore
import Sockets
import TestSupport
import Testing

@testable import Settings

@Suite("Settings as TOML")
struct PrintingTests {
    @Test("Printed settings load again with the same values")
    func roundTrip() throws {
        var random = SeededGenerator(seed: 1)
        var printedListeners = 0
        for _ in 0..<500 {
            let original = Settings.random(using: &random)
            #expect(try settings(original.toml) == original, "\(original.toml)")
            printedListeners += original.toml.contains("[[listener]]") ? 1 : 0
        }
        #expect((50..<490).contains(printedListeners))
    }

    @Test(
        "A top level whose networks no listener uses loses them, also where a flag takes the listeners' place"
    )
    func networksOfTheTopLevel() throws {
        let text = "trusted = ['10.0.0.0/8']\n[[listener]]\nport = 1\nproxy_protocol = true"
        #expect(try settings(settings(text).toml) == settings(text))
        let flagged = try settings(text, Overrides(port: 2))
        #expect(flagged.server.listeners.map(\.proxyProtocol) == [ProxyProtocol()])
        #expect(try settings(flagged.toml) == flagged)
    }

    @Test("One listener that differs from the top level is printed as a table")
    func oneListener() throws {
        let read = try settings("unit = 'byte'\n[[listener]]\nport = 1\nunit = 'scalar'")
        #expect(try settings(read.toml) == read)
    }
}

extension Settings {
    fileprivate static func random(using random: inout SeededGenerator) -> Settings {
        var settings = Settings()
        settings.server.options.framing = Framing.allCases.randomElement(using: &random) ?? .line
        settings.server.options.unit = ReversalUnit.allCases.randomElement(using: &random) ?? .character
        settings.server.limits.maximumConnections = .random(in: 1...1_000_000, using: &random)
        settings.server.sessionLimits.maximumLineBytes =
            [1, 1000, 1024, 3 << 20, 1 << 30].randomElement(using: &random) ?? 1
        settings.server.limits.idleTimeout =
            [nil, .milliseconds(1), .seconds(90), .seconds(120)].randomElement(using: &random) ?? nil
        settings.server.limits.drainTimeout = .milliseconds(Int.random(in: 1...86_400_000, using: &random))
        settings.logLevel = Settings.logLevels.randomElement(using: &random) ?? .info
        settings.server.logsConnections = .random(using: &random)
        let listeners = (1...4).map { port in Listener.random(port: UInt16(port), using: &random) }
        settings.server.listeners = Array(listeners.prefix(.random(in: 1...4, using: &random)))
        if settings.server.listeners.count == 1, Bool.random(using: &random) {
            settings.server.listeners[0].options = settings.server.options
        }
        if Bool.random(using: &random) {
            settings.server.proxyProtocol = settings.server.listeners[0].proxyProtocol
        }
        return settings
    }
}

/// One of IPv4 and one of IPv6.
private func networks() -> [Network] {
    ["10.0.0.0/8", "2001:db8::1"].compactMap { try? Network(parsing: $0) }
}

extension Settings.Listener {
    fileprivate static func random(port: UInt16, using random: inout SeededGenerator) -> Settings.Listener {
        let names = [
            "é 👨‍👩‍👧", "\"\\", "'#[]{}=", "\t\n\r\u{1}\u{7F}\u{85}\u{2028}\u{202E}", "\u{1B}[31m", "a", "\\u0041",
        ]
        let hosts = ["::", "::1", "fe80::1%eth0", "localhost"]
        let isFile = Bool.random(using: &random)
        let path = "/\(port)\(names.randomElement(using: &random) ?? "")"
        let host = hosts.randomElement(using: &random) ?? "::"
        var listener = Settings.Listener()
        listener.endpoint = isFile ? .unix(path: path) : .internet(host: host, port: port)
        if isFile {
            listener.mode = .random(in: 0...0o777, using: &random)
        } else {
            listener.ipv6Only = .random(using: &random)
        }
        listener.options.framing = Framing.allCases.randomElement(using: &random) ?? .line
        listener.options.unit = ReversalUnit.allCases.randomElement(using: &random) ?? .character
        listener.proxyProtocol.isExpected = .random(using: &random)
        if listener.proxyProtocol.isExpected {
            if isFile { listener.mode &= ~0o002 } else { listener.proxyProtocol.trusted = networks() }
        }
        return listener
    }
}
