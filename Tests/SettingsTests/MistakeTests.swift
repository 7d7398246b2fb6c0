import DispatchServer
import Sockets
import Testing
import TextEscaping

@testable import Settings

@Suite("Mistakes and their messages")
struct MistakeTests {
    @Test("All mistakes are reported at once, in the order of the file, each with its line")
    func allAtOnce() {
        #expect(
            mistakes(
                """
                prot = 5000
                framing = "lines"

                [limits]
                max_connections = 0
                max_line_bytes = "10 Mib"
                idle_timeout = "5 minutes"
                drain_timeout = 10

                [log]
                connections = "yes"
                """,
                Overrides(host: "a b")
            ) == [
                #"t.toml:1: unknown key "prot": did you mean "port"?"#,
                #"t.toml:2: framing = "lines": must be one of "line", "chunk": did you mean "line"?"#,
                "t.toml:5: limits.max_connections = 0: must be a whole number from 1 to 1000000",
                #"t.toml:6: limits.max_line_bytes = "10 Mib": must be a number of bytes, or a whole number with B, KiB, MiB or GiB such as "64KiB", from 1B to 1GiB: did you mean "10MiB"?"#,
                #"t.toml:7: limits.idle_timeout = "5 minutes": must be a whole number with ms, s, min or h such as "10s", from 1ms to 8760h, or "0" for never: did you mean "5min"?"#,
                #"t.toml:8: limits.drain_timeout = 10: must be a whole number with ms, s, min or h such as "10s", from 1ms to 24h: did you mean "10s"?"#,
                #"t.toml:11: log.connections = "yes": must be true or false, without quotes"#,
                #"--host "a b": must be an address or a name in ASCII without spaces"#,
            ]
        )
    }

    @Test(
        "Unknown keys, and what was meant",
        arguments: [
            ("hots = 1", #"1: unknown key "hots": did you mean "host"?"#),
            ("Port = 1", #"1: unknown key "Port": did you mean "port"?"#),
            ("ipv6-only = true", #"1: unknown key "ipv6-only": did you mean "ipv6_only"?"#),
            ("[limits]\nmax_conn = 1", #"2: unknown key "max_conn": did you mean "max_connections"?"#),
            (
                "[limits]\nmaxConnections = 1",
                #"2: unknown key "maxConnections": did you mean "max_connections"?"#
            ),
            ("[limits]\ndrain_timout = 1", #"2: unknown key "drain_timout": did you mean "drain_timeout"?"#),
            ("[limit]\nx = 1", #"1: unknown key "limit": did you mean "limits"?"#),
            ("[[listeners]]\nport = 1", #"1: unknown key "listeners": did you mean "listener"?"#),
            (
                "[limits]\nport = 1",
                #"2: unknown key "port" in [limits]: it belongs to the top level, above every [table], or to [[listener]]"#
            ),
            (
                "max_connections = 5",
                #"1: unknown key "max_connections" in the top level: it belongs to [limits]"#
            ),
            ("path = '/s'", #"1: unknown key "path" in the top level: it belongs to [[listener]]"#),
            ("idle_timout = 5", #"1: unknown key "idle_timout": did you mean "idle_timeout" in [limits]?"#),
            ("[log]\ncolour = 1", #"2: unknown key "colour"; known here: level, connections"#),
            (
                "\"a\\tb\" = 1",
                #"1: unknown key "a\tb"; known here: host, port, ipv6_only, framing, unit, proxy_protocol, trusted, limits, restart, log, metrics, listener"#
            ),
        ]
    )
    func unknownKeys(document: String, message: String) {
        #expect(mistakes(document) == ["t.toml:" + message])
    }

    @Test(
        "Values of the wrong type or out of range",
        arguments: [
            "host = 1", "host = true", "host = {}", "host = ['a']", "host.a = 1", "[host]", "[[host]]",
            "port = '5000'", "port = -1", "port = 65536", "port = 1.0", "port = 1e3", "port = nan",
            "port = inf",
            "port = 9223372036854775807", "port = -9223372036854775808", "port = []", "port = 2000-01-01",
            "ipv6_only = 1", "ipv6_only = 'true'", "framing = 'LINE'", "framing = 1", "unit = 'grapheme'",
            "unit = ''",
            "limits = 1", "limits = []", "[[limits]]", "log = 'info'", "[[log]]", "[log]\nlevel = 'trace'",
            "[log]\nconnections = 1", "[limits]\nmax_connections = 1000001", "[limits]\nmax_connections = -5",
            "[limits]\nmax_line_bytes = 0", "[limits]\nmax_line_bytes = -1",
            "[limits]\nmax_line_bytes = '2GiB'",
            "[limits]\nmax_line_bytes = '1024'", "[limits]\nmax_line_bytes = '1MB'",
            "[limits]\nmax_line_bytes = 1.5",
            "[limits]\nmax_line_bytes = '9223372036854775807GiB'", "[limits]\nmax_line_bytes = '1.5MiB'",
            "[limits]\nmax_line_bytes = ''", "[limits]\nmax_line_bytes = 'KiB'",
            "[limits]\nmax_line_bytes = '-1KiB'",
            "[limits]\nidle_timeout = 5", "[limits]\nidle_timeout = -1", "[limits]\nidle_timeout = '8761h'",
            "[limits]\nidle_timeout = '-5s'", "[limits]\nidle_timeout = '5'",
            "[limits]\nidle_timeout = 'never'",
            "[limits]\nidle_timeout = '99999999999999999999s'",
            "[limits]\nidle_timeout = '9223372036854775807h'",
            "[limits]\nidle_timeout = '５s'", "[limits]\nidle_timeout = '1.5s'",
            "[limits]\nidle_timeout = '5 s'",
            "[limits]\ndrain_timeout = '0'", "[limits]\ndrain_timeout = 0", "[limits]\ndrain_timeout = '25h'",
            "[limits]\ndrain_timeout = 10s",
        ]
    )
    func wrongValues(document: String) {
        let found = mistakes(document)
        #expect(found.count == 1)
        let line = document.split(separator: "\n").count
        #expect(found.allSatisfy { $0.hasPrefix("t.toml:\(line):") }, "\(found)")
    }

    @Test(
        "Hosts that are none, and what is said",
        arguments: [
            ("", "\"0.0.0.0\" and \"::\" stand for every address"), ("*", "\"0.0.0.0\" for IPv4"),
            ("a b", "without spaces"), ("a\tb", "without spaces"), ("é.example", "in ASCII"),
            ("/run/s", "a [[listener]] with path"), ("[::1]", "did you mean \"::1\""),
            ("[::1]:5000", "not an IPv6 address"),
            ("localhost:5000", "the key \"port\" does"), ("127.0.0.1:5000", "the key \"port\" does"),
            ("::g", "not an IPv6 address"), ("1:2", "the key \"port\" does"), ("::1%", "not an IPv6 address"),
            ("127.0.0.256", "not an IPv4 address"), ("127.1", "not an IPv4 address"),
            ("1", "not an IPv4 address"), ("fe80::1", "needs its interface, as in \"fe80::1%eth0\""),
            ("FEBF::1", "needs its interface"), ("::ffff:127.0.0.1", "did you mean \"127.0.0.1\""),
            ("::FFFF:7f00:2", "did you mean \"127.0.0.2\""),
            ("a;b", "letters, digits"), (String(repeating: "a", count: 254), "at most 253 bytes"),
        ]
    )
    func hosts(host: String, message: String) {
        for found in [mistakes("host = \(PrintableText.quoted(host))"), mistakes("", Overrides(host: host))] {
            #expect(found.count == 1)
            #expect(found.allSatisfy { $0.contains(message) }, "\(found)")
        }
    }

    @Test(
        "Hosts that are well written",
        arguments: [
            "127.0.0.1", "0.0.0.0", "::", "::1", "fe80::1%eth0", "febf::1%2", "fec0::1", "localhost",
            "a_b-c.example.", "1a",
        ]
    )
    func goodHosts(host: String) throws {
        #expect(
            try settings("host = '\(host)'").server.listeners.map(\.endpoint) == [
                .internet(host: host, port: 5000)
            ]
        )
    }

    @Test("A value in a message is escaped and shortened")
    func shownValues() {
        let found = mistakes("unit = \"\\u001b[31m\\u009b" + String(repeating: "x", count: 500) + "\"")
        #expect(found.count == 1)
        #expect(
            found.allSatisfy { $0.contains(#"unit = "\u001B[31m\u009B"#) && $0.utf8.count < 250 },
            "\(found)"
        )
    }
}
