import CLinux
import Glibc
import Testing

@testable import Sockets

@Suite("A socket address")
struct SocketAddressTests {
    private static let loopback6: SIMD16<UInt8> = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    private static let linkLocal: SIMD16<UInt8> = [0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]

    @Test("is printed as a user writes it")
    func prints() {
        #expect("\(SocketAddress.ipv4([127, 0, 0, 1], port: 5000))" == "127.0.0.1:5000")
        #expect("\(SocketAddress.ipv6(Self.loopback6, port: 5000, zone: 0))" == "[::1]:5000")
        #expect("\(SocketAddress.ipv6(Self.linkLocal, port: 1, zone: 2))" == "[fe80::1%2]:1")
        #expect("\(SocketAddress.unix(path: "/run/x"))" == "/run/x")
        #expect("\(SocketAddress.unix(path: "\0name"))" == "@name")
        #expect("\(SocketAddress.unix(path: ""))" == "unix")
    }

    @Test(
        "of a Unix client looks like no other kind of address",
        arguments: ["10.0.0.1:4444", "[::1]:5000", "unix", "@name", "name"]
    )
    func cannotPose(path: String) {
        #expect("\(SocketAddress.unix(path: path))" == "unix:" + path)
    }

    @Test(
        "comes back from the kernel's form as it was",
        arguments: [
            SocketAddress.ipv4([1, 2, 3, 4], port: 0x1234), .ipv6(loopback6, port: 65535, zone: 0),
            .ipv6(linkLocal, port: 1, zone: 7), .unix(path: "/run/x"), .unix(path: "\0abstract"),
            .unix(path: String(repeating: "x", count: SocketAddress.maximumPathLength)),
        ]
    )
    func roundTrip(address: SocketAddress) throws {
        let back = try address.withSockAddr { pointer, length in
            var storage = sockaddr_storage()
            withUnsafeMutableBytes(of: &storage) {
                $0.copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: Int(length)))
            }
            return SocketAddress(storage, length: length)
        }
        #expect(back == address)
    }

    @Test("refuses a path that is too long")
    func longPath() {
        #expect(SocketAddress.maximumPathLength == 107)
        let address = SocketAddress.unix(path: String(repeating: "x", count: 108))
        let error = #expect(throws: SystemError.self) { try address.withSockAddr { _, _ in } }
        #expect(error?.code == ENAMETOOLONG)
    }

    @Test("cannot have an unknown family or length")
    func unknown() {
        var storage = sockaddr_storage()
        storage.ss_family = sa_family_t(AF_NETLINK)
        #expect(SocketAddress(storage, length: 12) == nil)
        storage.ss_family = sa_family_t(AF_INET)
        #expect(SocketAddress(storage, length: 4) == nil)
        storage.ss_family = sa_family_t(AF_UNIX)
        #expect(SocketAddress(storage, length: 2) == .unix(path: ""))
        #expect(SocketAddress(storage, length: 0) == .unix(path: ""))
    }

    @Test("of an IPv4 client of an IPv6 socket is its IPv4 address")
    func mapped() {
        let mapped = SocketAddress.ipv6(
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127, 0, 0, 1],
            port: 9,
            zone: 0
        )
        #expect(mapped.unmapped == .ipv4([127, 0, 0, 1], port: 9))
        let other = SocketAddress.ipv6(Self.loopback6, port: 9, zone: 0)
        #expect(other.unmapped == other)
    }

    @Test("takes another port")
    func ports() {
        #expect(SocketAddress.ipv4([0, 0, 0, 0], port: 0).with(port: 9).port == 9)
        #expect(SocketAddress.unix(path: "/x").with(port: 9).port == nil)
        #expect(SocketAddress.ipv4([0, 0, 0, 0], port: 1).isWildcard)
        #expect(!SocketAddress.ipv6(Self.loopback6, port: 1, zone: 0).isWildcard)
    }
}
