import Glibc
import Testing

@testable import Sockets

@Suite("A network")
struct NetworkTests {
    private func address(_ text: String) throws -> SocketAddress {
        try #require(SocketAddress(address: text, port: 9))
    }

    @Test(
        "contains what has its first bits",
        arguments: [
            (
                "10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"],
                ["11.0.0.0", "9.255.255.255", "::10.0.0.1"]
            ),
            ("192.0.2.128/25", ["192.0.2.128", "192.0.2.255"], ["192.0.2.127", "192.0.3.128"]),
            ("192.0.2.7", ["192.0.2.7"], ["192.0.2.6", "::c000:207"]),
            ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], ["::", "::1"]),
            ("2001:db8::/33", ["2001:db8:7fff::1"], ["2001:db8:8000::", "2001:db9::"]),
            ("::/0", ["::", "ffff::1"], ["127.0.0.1", "::ffff:127.0.0.1"]),
            ("fe80::/10", ["fe80::1", "febf::"], ["fec0::"]),
            ("::1", ["::1"], ["::", "::2"]),
        ]
    )
    func contains(text: String, inside: [String], outside: [String]) throws {
        let network = try Network(parsing: text)
        for each in inside { #expect(network.contains(try address(each)), "\(each)") }
        for each in outside { #expect(!network.contains(try address(each)), "\(each)") }
        #expect(!network.contains(.unix(path: "")) && !network.contains(.unix(path: "/10.0.0.1")))
    }

    @Test("contains a link-local address with any zone")
    func zone() throws {
        let network = try Network(parsing: "fe80::1")
        guard case .ipv6(let bytes, _, _) = try address("fe80::1") else { throw SystemError("", code: 0) }
        #expect(network.contains(.ipv6(bytes, port: 1, zone: 7)))
    }

    @Test("agrees with arithmetic for every length of the prefix")
    func everyLength() throws {
        for length in 0...32 {
            let mask = length == 0 ? 0 : UInt32.max << (32 - UInt32(length))
            let base = 0xA5C3_96F0 & mask
            let network = try Network(parsing: "\(dotted(base))/\(length)")
            #expect("\(network)" == "\(dotted(base))/\(length)")
            for bit in 0..<32 {
                let other = base ^ 1 << UInt32(31 - bit)
                #expect(network.contains(try address(dotted(other))) == (bit >= length), "\(length) \(bit)")
            }
        }
    }

    private func dotted(_ bits: UInt32) -> String {
        [24, 16, 8, 0].map { "\(bits >> $0 & 0xFF)" }.joined(separator: ".")
    }

    @Test(
        "is printed in one way",
        arguments: [("10.0.0.1", "10.0.0.1/32"), ("2001:DB8:0::/32", "2001:db8::/32"), ("::", "::/128")]
    )
    func prints(text: String, printed: String) throws {
        let network = try Network(parsing: text)
        #expect("\(network)" == printed)
        #expect(try Network(parsing: printed) == network)
    }

    @Test(
        "is not everything",
        arguments: [
            "", "/", "/8", "10.0.0.0/", "10.0.0.0/ 8", "10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/33", "::/129",
            "10.0.0.0/8/8",
            "10.0.0/8", "010.0.0.0/8", "10.0.0.0.0", "[::1]", "fe80::1%lo", "localhost", "10.0.0.0/-1",
            " 10.0.0.0/8",
            "10.0.0.0/1\u{663}", "1.2.3.4\0", "::/99999999999999999999",
        ]
    )
    func isNone(text: String) {
        #expect(throws: Network.ParseError.self) { try Network(parsing: text) }
    }

    @Test("with bits behind its prefix, or IPv4 within IPv6, is refused with a suggestion")
    func proposes() {
        func proposal(_ text: String) -> String? {
            do throws(Network.ParseError) { return "\(try Network(parsing: text))" } catch {
                return error.suggestion
            }
        }
        #expect(proposal("10.0.0.1/8") == "10.0.0.0/8")
        #expect(proposal("2001:db8::1/32") == "2001:db8::/32")
        #expect(proposal("::ffff:10.0.0.1/104") == "10.0.0.0/8")
        #expect(proposal("::ffff:10.0.0.1") == "10.0.0.1/32")
    }
}
