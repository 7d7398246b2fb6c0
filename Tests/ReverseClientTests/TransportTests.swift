import Glibc
import Sockets
import Testing

@testable import ReverseClient

@Suite struct TransportTests {
    private let loopback = SocketAddress.ipv4(SIMD4(127, 0, 0, 1), port: 0)
    private let endpoint = Endpoint.internet(host: "test", port: 1)

    /// Polls until the connection stands or the addresses are used up.
    private func settle(_ transport: Transport) throws {
        while transport.phase == .connecting {
            var polls = [pollfd(fd: transport.descriptor, events: Int16(POLLOUT), revents: 0)]
            try #require(poll(&polls, 1, 5000) == 1)
            try transport.finishConnecting()
        }
    }

    private func refusing() throws -> SocketAddress {
        let listener = try StreamSocket.listen(on: loopback)
        return try #require(SocketAddress.local(of: listener.number))
    }

    @Test func aRefusingAddressIsLeftForTheNext() throws {
        let listener = try StreamSocket.listen(on: loopback)
        let good = try #require(SocketAddress.local(of: listener.number))
        let bad = try refusing()
        let transport = Transport(endpoint: endpoint, resolve: { [bad, good] })
        try transport.connect()
        try settle(transport)
        #expect(transport.phase == .open && SocketAddress.remote(of: transport.descriptor) == good)
    }

    @Test func anAddressThatDoesNotAnswerCanBeLeftForTheNext() throws {
        // Two connections fill the backlog of the first; the SYN of a third is dropped (listen(2)).
        let full = try StreamSocket.listen(on: loopback, backlog: 0)
        let silent = try #require(SocketAddress.local(of: full.number))
        let first = try StreamSocket.connect(to: silent)
        let second = try StreamSocket.connect(to: silent)
        let listener = try StreamSocket.listen(on: loopback)
        let good = try #require(SocketAddress.local(of: listener.number))

        let transport = Transport(endpoint: endpoint, resolve: { [silent, good] })
        try transport.connect()
        #expect(transport.phase == .connecting && transport.hasMoreAddresses)
        try transport.connectToNextAddress()
        #expect(transport.hasMoreAddresses == false)
        try settle(transport)
        #expect(SocketAddress.remote(of: transport.descriptor) == good)
        _ = (first.number, second.number)
    }

    @Test func theLastRefusalIsTold() throws {
        let bad = try refusing()
        let transport = Transport(endpoint: endpoint, resolve: { [bad, bad] })
        let failure = #expect(throws: Transport.ConnectFailure.self) {
            try transport.connect()
            try settle(transport)
        }
        #expect(failure?.reason == "Connection refused" && failure?.mayPass == true)
        #expect(transport.phase == .idle && transport.descriptor == -1)
    }

    @Test func anUnknownHostIsNoPassingTrouble() throws {
        let transport = Transport(endpoint: .internet(host: "no-such-host.invalid", port: 1))
        let failure = #expect(throws: Transport.ConnectFailure.self) { try transport.connect() }
        #expect(failure?.reason.contains("no-such-host.invalid") == true)
    }
}
