import Sockets
import Testing

@testable import DispatchServer

@Suite("A PROXY header")
struct ProxyHeaderTests {
    private typealias Headers = ProxyHeaders

    /// A header that is right, with the client that it names.
    struct Case: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var bytes: [UInt8]
        var client: SocketAddress?

        init(_ name: String, _ bytes: [UInt8], _ client: SocketAddress?) {
            (testDescription, self.bytes, self.client) = (name, bytes, client)
        }
    }

    static let right: [Case] = [
        Case("TCP4", Headers.text("PROXY TCP4 192.0.2.1 198.51.100.2 4660 5000"), Headers.ipv4Client),
        Case(
            "TCP4, the longest",
            Headers.text("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535"),
            .ipv4([255, 255, 255, 255], port: 65535)
        ),
        Case("TCP4, zeros", Headers.text("PROXY TCP4 0.0.0.0 0.0.0.0 0 0"), .ipv4([0, 0, 0, 0], port: 0)),
        Case("TCP6", Headers.text("PROXY TCP6 2001:db8::1 2001:DB8::2 4660 5000"), Headers.ipv6Client),
        Case(
            "TCP6, the longest",
            Headers.text(
                "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535"
            ),
            .ipv6(SIMD16(repeating: 0xFF), port: 65535, zone: 0)
        ),
        Case(
            "TCP6 with IPv4 within",
            Headers.text("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 4660 5000"),
            Headers.ipv4Client
        ),
        Case("UNKNOWN", Headers.text("PROXY UNKNOWN"), nil),
        Case("UNKNOWN with anything", Headers.text("PROXY UNKNOWN 127.0.0.1 \r \n é 99999 \0"), nil),
        Case("UNKNOWN, the longest", Headers.text("PROXY UNKNOWN " + String(repeating: "x", count: 91)), nil),
        Case("v2, IPv4", Headers.binary(), Headers.ipv4Client),
        Case("v2, IPv6", Headers.binary(family: 0x21, address: Headers.ipv6), Headers.ipv6Client),
        Case(
            "v2, Unix",
            Headers.binary(family: 0x31, address: Headers.unix("/run/c")),
            .unix(path: "/run/c")
        ),
        Case(
            "v2, Unix, abstract",
            Headers.binary(family: 0x31, address: Headers.unix("\0c")),
            .unix(path: "\0c")
        ),
        Case(
            "v2, Unix, without a name",
            Headers.binary(family: 0x31, address: Headers.unix("")),
            .unix(path: "")
        ),
        Case(
            "v2, Unix, no NUL at the end",
            Headers.binary(family: 0x31, address: Headers.unix(String(repeating: "x", count: 108))),
            .unix(path: String(repeating: "x", count: 108))
        ),
        Case("v2, UDP", Headers.binary(family: 0x12), nil),
        Case("v2, UDP over IPv6", Headers.binary(family: 0x22, address: Headers.ipv6), nil),
        Case(
            "v2, datagrams of a Unix socket",
            Headers.binary(family: 0x32, address: Headers.unix("/c")),
            nil
        ),
        Case("v2, no protocol", Headers.binary(family: 0x10), nil),
        Case("v2, UNSPEC", Headers.binary(family: 0, address: []), nil),
        Case("v2, UNSPEC with addresses", Headers.binary(family: 0, address: [1, 2, 3, 4]), nil),
        Case("v2, LOCAL", Headers.binary(command: 0x20, family: 0, address: []), nil),
        Case("v2, LOCAL with addresses", Headers.binary(command: 0x20), nil),
        Case(
            "v2, LOCAL of a family that means nothing",
            Headers.binary(command: 0x20, family: 0x99, address: [7]),
            nil
        ),
        Case("v2, LOCAL with too short an address", Headers.binary(command: 0x20, address: [7]), nil),
        Case(
            "v2, extensions",
            Headers.binary(extensions: Headers.tlv(4, []) + Headers.tlv(0xEE, [1, 2])),
            Headers.ipv4Client
        ),
        Case(
            "v2, padded with zeros",
            Headers.binary(extensions: Array(repeating: 0, count: 72)),
            Headers.ipv4Client
        ),
        Case(
            "v2, TLS and who the client is",
            Headers.binary(
                extensions: Headers.tlv(1, Array("h2".utf8))
                    + Headers.tlv(0x20, [7, 0, 0, 0, 0] + Headers.tlv(0x21, Array("TLSv1.3".utf8)))
            ),
            Headers.ipv4Client
        ),
        Case(
            "v2, the longest",
            Headers.binary(extensions: Headers.tlv(4, Array(repeating: 9, count: 4096 - 16 - 12 - 3))),
            Headers.ipv4Client
        ),
        Case("v2, checksum", Headers.withChecksum(), Headers.ipv4Client),
        Case(
            "v2, checksum between others",
            Headers.withChecksum(
                before: Headers.tlv(2, Array("a.example".utf8)),
                after: Headers.tlv(5, [1, 2, 3])
            ),
            Headers.ipv4Client
        ),
    ]

    @Test("is received completely, names the client, and leaves the bytes after it", arguments: right)
    func accepts(header: Case) {
        for tail in ["", "x", "PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\n"] {
            let step = ProxyHeaders.read(header.bytes + Array(tail.utf8)).step
            #expect(step == .complete(length: header.bytes.count, client: header.client))
        }
    }

    @Test("may be cut at any byte", arguments: right)
    func cuts(header: Case) {
        let whole = ProxyHeader.Step.complete(length: header.bytes.count, client: header.client)
        let stride = header.bytes.count > 500 ? 97 : 1
        for cut in Swift.stride(from: 1, to: header.bytes.count, by: stride) {
            #expect(ProxyHeaders.read(Array(header.bytes[..<cut])).step == .needsMore)
            #expect(
                ProxyHeaders.read(header.bytes, pieces: { $0 == header.bytes.count ? cut : $0 }).step == whole
            )
        }
        if header.bytes.count < 500 {
            #expect(ProxyHeaders.read(header.bytes, pieces: { _ in 1 }).step == whole)
        }
    }

    @Test(
        "of version 1 is strict",
        arguments: [
            "PROXY", "PROXY ", "PROXY TCP4", "PROXY  TCP4 1.2.3.4 1.2.3.4 1 2", "PROXY SOMETHING",
            "PROXYTCP4 1.2.3.4 1.2.3.4 1 2",
            "PROXY\tTCP4 1.2.3.4 1.2.3.4 1 2", "PROXY TCP4 1.2.3.4 1.2.3.4 1",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 ", "PROXY TCP4 1.2.3.4  1.2.3.4 1 2",
            "PROXY TCP4 invalid invalid 1 2",
            "PROXY TCP4 1.2.3 1.2.3.4 1 2", "PROXY TCP4 1.2.3.4 1.2.3.256 1 2",
            "PROXY TCP4 01.2.3.4 1.2.3.4 1 2",
            "PROXY TCP4 ::1 ::1 1 2", "PROXY TCP4 ::ffff:1.2.3.4 1.2.3.4 1 2",
            "PROXY TCP6 1.2.3.4 1.2.3.4 1 2",
            "PROXY TCP6 ::1 1.2.3.4 1 2", "PROXY TCP6 ::1::2 ::1 1 2", "PROXY TCP6 [::1] [::1] 1 2",
            "PROXY TCP6 fe80::1%lo ::1 1 2",
            "PROXY TCP4 1.2.3.4 1.2.3.4 65536 2", "PROXY TCP4 1.2.3.4 1.2.3.4 1 -2",
            "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2",
            "PROXY TCP4 1.2.3.4 1.2.3.4 01 2", "PROXY TCP4 1.2.3.4 1.2.3.4 1 0x2",
            "PROXY TCP4 1.2.3.4\0 1.2.3.4 1 2",
            "PROXY tcp4 1.2.3.4 1.2.3.4 1 2", "PROXY UDP4 1.2.3.4 1.2.3.4 1 2", "PROXY UNKNOWNX",
            "PROXY unknown",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 \u{662}",
        ]
    )
    func strict(line: String) {
        #expect(ProxyHeaders.read(ProxyHeaders.text(line)).step == .invalid(.malformed))
    }

    @Test("of version 1 ends with CR LF, within 107 bytes")
    func ends() {
        let line = Array("PROXY TCP4 1.2.3.4 1.2.3.4 1 2".utf8)
        #expect(ProxyHeaders.read(line + [10]).step == .invalid(.malformed))
        #expect(ProxyHeaders.read(line + [13, 32]).step == .invalid(.malformed))
        #expect(ProxyHeaders.read(line + [13]).step == .needsMore)
        let long = Array("PROXY UNKNOWN ".utf8) + Array(repeating: 120, count: 92)
        #expect(ProxyHeaders.read(long).step == .needsMore)
        for end in [[13, 10], [120], [120, 120, 120]] as [[UInt8]] {
            #expect(ProxyHeaders.read(long + end).step == .invalid(.tooLong))
        }
        #expect(ProxyHeaders.read(line + Array(repeating: 32, count: 10_240)).step == .invalid(.tooLong))
    }

    @Test("of another kind is seen at the first byte that shows it")
    func missing() {
        for text in ["G", "hello\n", "PROXx", "\n", "\r\n\r\n\u{1}", "\u{16}\u{3}\u{1}", " PROXY TCP4"] {
            #expect(
                ProxyHeaders.read(Array(text.utf8)).step == .invalid(.missing),
                "\(text.debugDescription)"
            )
        }
        #expect(ProxyHeaders.read(Array(ProxyHeaders.signature[2...])).step == .invalid(.missing))
        #expect(ProxyHeaders.read(ProxyHeaders.signature).step == .needsMore)
    }

    @Test("of version 2 is refused at its first wrong byte")
    func malformed() {
        let signature = ProxyHeaders.signature
        for byte in [0x01, 0x11, 0x22, 0x2F, 0x31, 0xF1, 0x99] as [UInt8] {
            #expect(ProxyHeaders.read(signature + [byte]).step == .invalid(.malformed), "command \(byte)")
        }
        for byte in [0x13, 0x1F, 0x33, 0x41, 0xF1, 0x99] as [UInt8] {
            #expect(
                ProxyHeaders.read(signature + [0x21, byte]).step == .invalid(.malformed),
                "family \(byte)"
            )
        }
        for (family, length) in [(0x11, 11), (0x12, 0), (0x21, 35), (0x22, 12), (0x31, 215)]
            as [(UInt8, UInt8)]
        {
            #expect(ProxyHeaders.read(signature + [0x21, family, 0, length]).step == .invalid(.malformed))
        }
        #expect(ProxyHeaders.read(signature + [0x21, 0x11, 0x0F, 0xF1]).step == .invalid(.tooLong))
        #expect(ProxyHeaders.read(signature + [0x20, 0x00, 0xFF, 0xFF]).step == .invalid(.tooLong))
    }

    @Test(
        "has extensions that fit into it, and at most one checksum, which is right",
        arguments: [
            [0xEE], [0xEE, 0], [0xEE, 0, 1], [0xEE, 0xFF, 0xFF, 1, 2], [4, 0, 0, 4, 0],
            ProxyHeaders.tlv(3, []), ProxyHeaders.tlv(3, [1, 2, 3]), ProxyHeaders.tlv(3, [0, 0, 0, 0, 0]),
            ProxyHeaders.tlv(3, [0, 0, 0, 0]) + ProxyHeaders.tlv(3, [0, 0, 0, 0]),
        ]
    )
    func extensions(bytes: [UInt8]) {
        #expect(ProxyHeaders.read(ProxyHeaders.binary(extensions: bytes)).step == .invalid(.malformed))
    }

    @Test("with a wrong checksum is refused, wherever it is damaged")
    func checksum() {
        #expect(CRC32C.checksum(of: Array("123456789".utf8)) == 0xE306_9283)
        for bit in 0..<32 {
            #expect(
                ProxyHeaders.read(ProxyHeaders.withChecksum(changedBy: 1 << UInt32(bit))).step
                    == .invalid(.checksum)
            )
        }
        let right = ProxyHeaders.withChecksum(before: ProxyHeaders.tlv(0xEE, [1, 2, 3]))
        for index in 16..<right.count {
            var damaged = right
            damaged[index] ^= 0x40
            let step = ProxyHeaders.read(damaged).step
            // If the damage hides the checksum itself, the lengths are usually wrong. A changed type is just another extension.
            let isType = index == 16 + ProxyHeaders.ipv4.count + 6
            #expect(
                isType || step == .invalid(.checksum) || step == .invalid(.malformed),
                "\(index): \(step)"
            )
        }
        // A health check may have one as well.
        var local = ProxyHeaders.binary(
            command: 0x20,
            family: 0,
            address: [],
            extensions: ProxyHeaders.tlv(3, [0, 0, 0, 1])
        )
        #expect(ProxyHeaders.read(local).step == .invalid(.checksum))
        local.replaceSubrange(19..., with: [0, 0, 0, 0])
        let checksum = ProxyHeaders.crc32c(local)
        local.replaceSubrange(19..., with: [24, 16, 8, 0].map { UInt8(checksum >> $0 & 0xFF) })
        #expect(ProxyHeaders.read(local).step == .complete(length: local.count, client: nil))
    }

    @Test("is believed from the trusted networks only, and from a Unix socket")
    func trusted() throws {
        let listener = ProxyProtocol(isExpected: true, trusted: [try Network(parsing: "10.0.0.0/8")])
        #expect(
            !listener.refuses(.ipv4([10, 1, 2, 3], port: 1))
                && listener.refuses(.ipv4([11, 1, 2, 3], port: 1))
        )
        #expect(!listener.refuses(.unix(path: "")))
        #expect(!ProxyProtocol().refuses(.ipv4([11, 1, 2, 3], port: 1)))
    }
}
