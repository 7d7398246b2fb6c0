import DispatchServer
import Sockets
import Testing

@testable import Settings

@Suite("proxy_protocol and trusted")
struct ProxyProtocolTests {
    private func expected(_ networks: String...) throws -> ProxyProtocol {
        ProxyProtocol(isExpected: true, trusted: try networks.map { try Network(parsing: $0) })
    }

    @Test("The top level applies to its own listener, and to listeners that do not override it")
    func read() throws {
        let top = "proxy_protocol = true\ntrusted = ['10.0.0.0/8', '::1']\n"
        let both = try expected("10.0.0.0/8", "::1")
        #expect(try settings(top).server.listeners.map(\.proxyProtocol) == [both])
        // The same applies to a socket that systemd passes and no listener describes.
        #expect(try settings(top).server.proxyProtocol == both)
        let listeners = """
            [[listener]]
            port = 1
            [[listener]]
            port = 2
            proxy_protocol = false
            [[listener]]
            port = 3
            trusted = ["192.0.2.7"]
            [[listener]]
            path = "/s"
            mode = "0660"
            """
        #expect(
            try settings(top + listeners).server.listeners.map(\.proxyProtocol) == [
                both, ProxyProtocol(), expected("192.0.2.7"), expected(),
            ]
        )
    }

    @Test("A listener that would trust every peer is refused, with the remedy")
    func believesEverybody() {
        let networks = "needs the networks of the load balancers, such as trusted = [\"10.0.0.0/8\"]"
        #expect(mistakes("proxy_protocol = true") == ["t.toml:1: proxy_protocol = true: \(networks)"])
        #expect(
            mistakes("proxy_protocol = true\ntrusted = []") == [
                "t.toml:1: proxy_protocol = true: \(networks)"
            ]
        )
        #expect(
            mistakes("[[listener]]\nport = 1\n[[listener]]\nport = 2\nproxy_protocol = true") == [
                "t.toml:5: [[listener]] 2: proxy_protocol = true: \(networks)"
            ]
        )
        let mode = """
            lets every user of this machine say who the client is: give it a mode for the load balancer only, such as \
            mode = "0660"
            """
        #expect(
            mistakes("[[listener]]\npath = '/s'\nproxy_protocol = true") == [
                "t.toml:3: [[listener]] 1: proxy_protocol = true: \(mode)"
            ]
        )
        // If the key is at the top level, the message names the listener.
        #expect(
            mistakes("proxy_protocol = true\ntrusted = ['::1']\n[[listener]]\npath = '/s'") == [
                "t.toml:3: [[listener]] 1: proxy_protocol = true \(mode)"
            ]
        )
        #expect(mistakes("[[listener]]\npath = '/s'\nmode = '0660'\nproxy_protocol = true") == [])
    }

    @Test("Networks that have no effect are refused, because an operator may rely on them")
    func noEffect() {
        let rule = """
            is for load balancers and needs proxy_protocol = true; IPAddressAllow= of the unit says who may connect at all
            """
        let list = "trusted = [\"10.0.0.0/8\"]"
        #expect(mistakes(list) == ["t.toml:1: trusted = an array: \(rule)"])
        #expect(mistakes(list + "\n[[listener]]\nport = 1") == ["t.toml:1: trusted = an array: \(rule)"])
        #expect(
            mistakes("[[listener]]\nport = 1\n" + list) == [
                "t.toml:3: [[listener]] 1: trusted = an array: \(rule)"
            ]
        )
        #expect(
            mistakes("[[listener]]\npath = '/s'\nmode = '0600'\nproxy_protocol = true\n" + list) == [
                "t.toml:5: [[listener]] 1: trusted = an array: belongs to host and port: of a Unix socket, mode says "
                    + "who may connect"
            ]
        )
    }

    @Test(
        "Networks that are none",
        arguments: [
            ("'10.0.0.0/8'", "must be an array of at most 256 networks in quotes", "[\"10.0.0.0/8\"]"),
            ("true", "must be an array", nil),
            ("[10]", "10 is none", nil),
            ("['::1', 'balancer.example']", "\"balancer.example\" is no network", nil),
            ("['10.0.0.1/8']", "\"10.0.0.1/8\" has bits set behind the first 8", "\"10.0.0.0/8\""),
            ("['10.0.0.0/33']", "needs a whole number from 0 to 32", nil),
            ("['::ffff:10.0.0.0/104']", "is an IPv4 network within IPv6", "\"10.0.0.0/8\""),
            ("[\(Array(repeating: "'::1'", count: 257).joined(separator: ","))]", "at most 256", nil),
        ]
    )
    func networks(value: String, problem: String, suggestion: String?) throws {
        let found = mistakes("proxy_protocol = true\ntrusted = \(value)")
        // They are wrong, not missing.
        let about = try #require(found.count == 1 ? found.first : nil, "\(found)")
        #expect(about.hasPrefix("t.toml:2: trusted = "))
        #expect(about.contains(problem))
        #expect(about.hasSuffix(suggestion.map { ": did you mean \($0)?" } ?? about))
    }
    @Test("Networks of the top level that are none are not missing in a listener")
    func inherited() {
        let text = """
            proxy_protocol = true
            trusted = ['x']
            [[listener]]
            port = 1
            [[listener]]
            port = 2
            trusted = ['y']
            """
        #expect(mistakes(text).map { $0.prefix(9) } == ["t.toml:2:", "t.toml:7:"])
    }
}
