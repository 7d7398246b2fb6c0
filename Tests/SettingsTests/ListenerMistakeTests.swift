import DispatchServer
import Sockets
import Testing

@testable import Settings

@Suite("Mistakes in listeners")
struct ListenerMistakeTests {
    @Test("host, port and ipv6_only beside [[listener]]")
    func besideListener() {
        let rule = "cannot be combined with [[listener]]; move it into one"
        #expect(
            mistakes("host = \"a\"\nport = 1\nipv6_only = true\n[[listener]]\nport = 2") == [
                "t.toml:1: host = \"a\": \(rule)", "t.toml:2: port = 1: \(rule)",
                "t.toml:3: ipv6_only = true: \(rule)",
            ]
        )
    }

    @Test("Each listener has an address or a path, not both")
    func address() {
        #expect(
            mistakes(
                """
                [[listener]]
                unit = "byte"
                [[listener]]
                path = "/s"
                host = "a"
                port = 1
                ipv6_only = false
                [[listener]]
                port = 1
                mode = "0600"
                """
            ) == [
                "t.toml:1: [[listener]] 1: does not say where to listen: give it host and port, or path",
                "t.toml:5: [[listener]] 2: host = \"a\": cannot be combined with path: a listener has either path, or host and port",
                "t.toml:6: [[listener]] 2: port = 1: cannot be combined with path: a listener has either path, or host and port",
                "t.toml:7: [[listener]] 2: ipv6_only = false: cannot be combined with path: a listener has either path, or host and port",
                "t.toml:10: [[listener]] 3: mode = \"0600\": belongs to path: only a Unix socket has a file",
            ]
        )
    }

    @Test(
        "No listener at all, or no tables",
        arguments: [
            "listener = []", "listener = 1", "[listener]\nport = 1", "listener = [1]",
            "listener = [{port = 1}, 2]",
        ]
    )
    func noTables(document: String) {
        #expect(
            mistakes(document).map {
                $0.hasSuffix("must be one or more tables, each with the header [[listener]]")
            } == [true]
        )
    }

    @Test(
        "Paths that no socket can have",
        arguments: [
            "", "s", "./s", "~/s", "@s", "/run/", "/", "/" + String(repeating: "x", count: 107),
            "/" + String(repeating: "é", count: 54),
        ]
    )
    func paths(path: String) {
        #expect(
            mistakes("[[listener]]\npath = '\(path)'").map {
                $0.hasPrefix("t.toml:2: [[listener]] 1: path = ")
            } == [true]
        )
    }

    @Test("A path may be 107 bytes long")
    func longestPath() throws {
        let path = "/" + String(repeating: "x", count: 106)
        #expect(
            try settings("[[listener]]\npath = '\(path)'").server.listeners.map(\.endpoint) == [
                .unix(path: path)
            ]
        )
    }

    @Test(
        "Modes that are none",
        arguments: [
            "660", "0o660", "'0o660'", "'1666'", "'07777'", "'66'", "'0668'", "'+666'", "'rw-rw-rw-'", "''",
        ]
    )
    func modes(mode: String) {
        #expect(
            mistakes("[[listener]]\npath = '/s'\nmode = \(mode)").map {
                $0.hasPrefix("t.toml:3: [[listener]] 1: mode = ")
            } == [true]
        )
    }

    @Test("ipv6_only of an IPv4 address")
    func ipv6Only() {
        #expect(
            mistakes("ipv6_only = true") == [
                "t.toml:1: ipv6_only = true: cannot be: the host \"127.0.0.1\" is an IPv4 address"
            ]
        )
        #expect(mistakes("host = '0.0.0.0'\nipv6_only = true").count == 1)
        #expect(mistakes("host = '0.0.0.0'\nipv6_only = false") == [])
        #expect(mistakes("host = 'localhost'\nipv6_only = true") == [])
    }

    @Test(
        "Two listeners that the kernel would not let listen together",
        arguments: [
            ("host = '::1'", "host = '0:0::1'", "the same host and port"),
            ("host = 'a.example'", "host = 'A.example'", "the same host and port"),
            ("port = 5000", "host = '127.0.0.1'", "the same host and port"),
            ("path = '/s'", "path = '/s'", "the same path"),
            ("path = '/d/s'", "path = '//d/.//s'", "the same path"),
            ("host = '0.0.0.0'", "host = '127.0.0.1'", "\"0.0.0.0\" already stands for every IPv4 address"),
            ("host = '::1'", "host = '::'", "\"::\" already stands for every IPv6 address"),
            (
                "host = '::'", "host = '0.0.0.0'",
                "\"::\" listens for IPv4 too, unless it has ipv6_only = true"
            ),
            (
                "host = '127.0.0.1'", "host = '::'",
                "\"::\" listens for IPv4 too, unless it has ipv6_only = true"
            ),
        ]
    )
    func overlaps(first: String, second: String, reason: String) {
        let found = mistakes(
            "[[listener]]\n\(first)\n[[listener]]\nport = 1\n[[listener]]\n\(second)"
        )
        #expect(found.count == 1)
        #expect(
            found.allSatisfy {
                $0.hasPrefix("t.toml:5: [[listener]] 3: cannot listen beside [[listener]] 1 (line 1): ")
                    && $0.hasSuffix(reason)
            },
            "\(found)"
        )
    }

    @Test(
        "Two listeners that go well together",
        arguments: [
            ("host = '::'\nipv6_only = true", "host = '0.0.0.0'"),
            ("host = '::'\nport = 0", "host = '0.0.0.0'\nport = 0"),
            ("port = 0", "port = 0"), ("port = 1", "port = 2"), ("host = '::1'", "host = '127.0.0.1'"),
            ("path = '/a'", "path = '/b'"), ("path = '/d/../s'", "path = '/s'"),
            ("host = 'localhost'", "host = '127.0.0.2'"),
            ("host = 'fe80::1%a'", "host = 'fe80::1%b'"),
        ]
    )
    func neighbours(first: String, second: String) {
        #expect(mistakes("[[listener]]\n\(first)\n[[listener]]\n\(second)") == [])
    }
}
