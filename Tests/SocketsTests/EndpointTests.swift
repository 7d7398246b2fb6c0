import Testing

@testable import Sockets

@Suite("An endpoint as a user writes it")
struct EndpointTests {
    @Test(
        "is read",
        arguments: [
            ("localhost", Endpoint.internet(host: "localhost", port: 5000)),
            ("localhost:1", .internet(host: "localhost", port: 1)),
            ("127.0.0.1:65535", .internet(host: "127.0.0.1", port: 65535)),
            ("::1", .internet(host: "::1", port: 5000)), ("[::1]", .internet(host: "::1", port: 5000)),
            ("[::1]:0", .internet(host: "::1", port: 0)),
            ("fe80::1%lo", .internet(host: "fe80::1%lo", port: 5000)),
            ("/run/x.sock", .unix(path: "/run/x.sock")), ("./x:1", .unix(path: "./x:1")),
        ]
    )
    func parses(text: String, endpoint: Endpoint) throws {
        #expect(try Endpoint(parsing: text, defaultPort: 5000) == endpoint)
    }

    @Test(
        "is refused in a sentence that quotes it",
        arguments: [
            "", ":5000", "host:", "host:x", "host:-1", "host:+1", "host:65536", "host:99999999999999999999",
            "[::1",
            "[]:1", "[::1]x", "[::1]:", "[::1]:٣", "host:٣",
        ]
    )
    func refuses(text: String) {
        let error = #expect(throws: Endpoint.ParseError.self) {
            try Endpoint(parsing: text, defaultPort: 5000)
        }
        #expect(error?.description.contains("\"\(text)\"") == true)
    }

    @Test("is written as it is read", arguments: ["localhost:5000", "[::1]:5000", "/run/x.sock"])
    func describes(text: String) throws {
        #expect(try Endpoint(parsing: text, defaultPort: 1).description == text)
    }

    @Test("resolves to addresses without asking twice for one")
    func resolves() throws {
        let four = try Endpoint.internet(host: "127.0.0.1", port: 7).resolve()
        #expect(four == [.ipv4([127, 0, 0, 1], port: 7)])
        let six = try Endpoint.internet(host: "::1", port: 7).resolve(passive: true)
        #expect(six.map(\.description) == ["[::1]:7"])
        #expect(try Endpoint.unix(path: "/x").resolve() == [.unix(path: "/x")])
        let names = try Endpoint.internet(host: "localhost", port: 7).resolve()
        #expect(!names.isEmpty && Set(names).count == names.count)
    }

    @Test("names the unknown host")
    func unknownHost() {
        let error = #expect(throws: ResolutionError.self) {
            try Endpoint.internet(host: "name.invalid", port: 1).resolve()
        }
        #expect(error?.description.hasPrefix("cannot find the host \"name.invalid\": ") == true)
    }
}
