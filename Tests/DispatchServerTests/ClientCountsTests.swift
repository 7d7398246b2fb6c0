import Sockets
import Testing

@testable import DispatchServer

@Suite("The connections of each client")
struct ClientCountsTests {
    private static let host: SIMD4<UInt8> = [192, 0, 2, 1]

    private static func ipv6(_ bytes: [UInt8], port: UInt16 = 1) -> SocketAddress {
        var address = SIMD16<UInt8>()
        for (index, byte) in bytes.enumerated() { address[index] = byte }
        return .ipv6(address, port: port, zone: 0)
    }

    @Test("are those of an address, with any port, IPv4-mapped or not")
    func ofAddress() {
        let key = ClientKey(.ipv4(Self.host, port: 1))
        #expect(key != nil && key == ClientKey(.ipv4(Self.host, port: 2)))
        #expect(key != ClientKey(.ipv4([192, 0, 2, 2], port: 1)))
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 0, 2, 1]
        #expect(key == ClientKey(Self.ipv6(mapped)))
    }

    @Test("are those of a network of IPv6, its first 64 bits")
    func ofNetwork() {
        let network: [UInt8] = [0x20, 0x01, 0x0D, 0xB8, 1, 2, 3, 4]
        let key = ClientKey(Self.ipv6(network + [1]))
        #expect(key == ClientKey(Self.ipv6(network + [9, 9, 9], port: 7)))
        #expect(key != ClientKey(Self.ipv6(network.dropLast() + [5, 1])))
        #expect(ClientKey(Self.ipv6([0, 0, 0, 0, 192, 0, 2, 1])) != ClientKey(.ipv4(Self.host, port: 1)))
    }

    @Test("are not counted on Unix sockets")
    func ofUnixSocket() {
        #expect(ClientKey(.unix(path: "")) == nil && ClientKey(.unix(path: "/s")) == nil)
    }

    @Test("are at most as many as the limit, and an ended one frees its count")
    func limit() throws {
        let one = try #require(ClientKey(.ipv4(Self.host, port: 1)))
        let other = try #require(ClientKey(.ipv4([192, 0, 2, 2], port: 1)))
        var counts = ClientCounts()
        counts.limit = 2
        #expect([one, one, one, other].map { counts.enter($0) } == [true, true, false, true])
        #expect(counts.clients == 2)
        counts.leave(one)
        #expect([one, one].map { counts.enter($0) } == [true, false])
        // A lower limit ends no connection. Without a limit connections are still counted.
        counts.limit = 1
        counts.leave(one)
        #expect([one].map { counts.enter($0) } == [false])
        counts.limit = nil
        #expect([one].map { counts.enter($0) } == [true])
        for _ in 0..<3 { counts.leave(one) }
        counts.leave(other)
        #expect(counts.clients == 0)
    }

    @Test("have a limit that follows that of all connections unless it is chosen")
    func choice() {
        var limits = Limits()
        #expect(limits.connectionsPerClient == 5000)
        limits.maximumConnections = 3
        #expect(limits.connectionsPerClient == 4)
        limits.maximumConnectionsPerClient = .chosen(7)
        #expect(limits.connectionsPerClient == 7)
        limits.maximumConnectionsPerClient = .chosen(nil)
        #expect(limits.connectionsPerClient == nil)
    }
}
