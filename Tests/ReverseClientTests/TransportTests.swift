import Glibc
import Sockets
import Testing

@testable import ReverseClient

@Suite struct TransportTests {
    private let loopback = SocketAddress.ipv4(SIMD4(127, 0, 0, 1), port: 0)
    private let endpoint = Endpoint.internet(host: "test", port: 1)

    /// Polls until the connection is open or all addresses have failed.
    private func settle(_ transport: Transport) throws {
        while transport.phase != .open {
            var polls = transport.connectionPolls
            let pause =
                transport.wakeUp.map { pollMilliseconds(ContinuousClock.now.duration(to: $0)) } ?? 5000
            try #require(poll(&polls, nfds_t(polls.count), pause) >= 0)
            try transport.advance(at: .now)
        }
    }

    private func refusing() throws -> SocketAddress {
        let listener = try StreamSocket.listen(on: loopback)
        return try #require(SocketAddress.local(of: listener.number))
    }

    @Test func aRefusingAddressIsFollowedByTheNextAtOnce() throws {
        let listener = try StreamSocket.listen(on: loopback)
        let good = try #require(SocketAddress.local(of: listener.number))
        let bad = try refusing()
        let transport = Transport(endpoint: endpoint, addresses: [bad, good])
        let started = ContinuousClock.now
        try transport.connect(at: started)
        try settle(transport)
        #expect(SocketAddress.remote(of: transport.descriptor) == good)
        #expect(started.duration(to: .now) < ConnectionRace.recommendedDelay)
        _ = listener.number
    }

    @Test func anAddressThatDoesNotAnswerGetsCompany() throws {
        // Two connections fill the backlog of the first; the SYN of a third is dropped (listen(2)).
        let full = try StreamSocket.listen(on: loopback, backlog: 0)
        let silent = try #require(SocketAddress.local(of: full.number))
        let first = try StreamSocket.connect(to: silent)
        let second = try StreamSocket.connect(to: silent)
        let listener = try StreamSocket.listen(on: loopback)
        let good = try #require(SocketAddress.local(of: listener.number))

        let transport = Transport(endpoint: endpoint, addresses: [silent, good])
        let started = ContinuousClock.now
        try transport.connect(at: started)
        #expect(transport.phase == .connecting && transport.connectionPolls.count == 1)
        #expect(transport.wakeUp == started + ConnectionRace.recommendedDelay)
        try settle(transport)
        #expect(SocketAddress.remote(of: transport.descriptor) == good)
        #expect(started.duration(to: .now) < .seconds(2))
        _ = (first.number, second.number, listener.number)
    }

    @Test func theLastRefusalIsReported() throws {
        let bad = try refusing()
        let transport = Transport(endpoint: endpoint, addresses: [bad, bad])
        let failure = #expect(throws: Transport.ConnectFailure.self) {
            try transport.connect(at: .now)
            try settle(transport)
        }
        #expect(failure?.reason == "Connection refused" && failure?.isTemporary == true)
        #expect(transport.phase == .idle && transport.descriptor == -1)
    }

    @Test func anUnknownHostIsNoPassingTrouble() throws {
        let transport = Transport(endpoint: .internet(host: "no-such-host.invalid", port: 1))
        let failure = #expect(throws: Transport.ConnectFailure.self) {
            try transport.connect(at: .now)
            #expect(transport.phase == .lookingUp)
            try settle(transport)
        }
        #expect(failure?.reason.contains("no-such-host.invalid") == true)
    }

    @Test(arguments: [
        (SocketAddress.ipv4(SIMD4(127, 0, 0, 1), port: 1), true),
        (.ipv4(SIMD4(192, 0, 2, 1), port: 1), false),
    ])
    func onlyThisMachineHasSystemctl(address: SocketAddress, isLocal: Bool) {
        let transport = Transport(endpoint: endpoint, addresses: [address])
        let failure = transport.describe(SystemError("connect", code: ECONNREFUSED), of: [address])
        #expect(failure.advice.contains("systemctl") == isLocal)
    }

    @Test func aLinkLocalAddressNeedsItsInterface() {
        var bytes = SIMD16<UInt8>(repeating: 0)
        bytes[0] = 0xFE
        bytes[1] = 0x80
        let address = SocketAddress.ipv6(bytes, port: 1, zone: 0)
        let transport = Transport(endpoint: endpoint, addresses: [address])
        let failure = transport.describe(SystemError("connect", code: EINVAL), of: [address])
        #expect(failure.advice.contains("fe80::1%eth0"))
    }

    @Test func whatIsNoStreamSocketIsCalledThat() throws {
        var template = Array("/tmp/transport-XXXXXX".utf8CString)
        let directory = try #require(mkdtemp(&template).map { String(cString: $0) })
        let socketPath = directory + "/datagram"
        let datagram = Descriptor(owning: socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0))
        let isBound = try SocketAddress.unix(path: socketPath).withSockAddr { bind(datagram.number, $0, $1) }
        try #require(isBound == 0)
        defer {
            unlink(socketPath)
            rmdir(directory)
        }
        for path in [directory, socketPath, "/etc/passwd"] {
            let transport = Transport(endpoint: .unix(path: path))
            let failure = #expect(throws: Transport.ConnectFailure.self) {
                try transport.connect(at: .now)
                try settle(transport)
            }
            #expect(failure?.reason == "it is not a stream socket" && failure?.isTemporary == false)
        }
    }
}
