import Dispatch
import Glibc
import Logging
import Sockets
import Testing

@testable import DispatchServer

@Suite("A connection that comes through a load balancer", .serialized)
struct ConnectionProxyTests {
    private static let expected = ProxyProtocol(isExpected: true)
    private static let sessions = Fixture.sessions(proxyProtocol: expected)
    private static let header = "PROXY TCP4 192.0.2.1 198.51.100.2 4660 5000\r\n"

    private func failures(_ fixture: Fixture) -> [ProxyHeaderFailure: UInt64] {
        fixture.core.connections.proxyHeaderFailures
    }

    @Test(
        "has the address of its client, and answers bytes that came with the header",
        arguments: [true, false]
    )
    func answers(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let (peer, _) = try fixture.connect(Self.sessions)
        peer.send(Self.header + "one\ntw")
        #expect(peer.receive(4) == "eno\n")
        peer.send("o\n")
        #expect(peer.receive(4) == "owt\n")
        // After the header, text that looks like a header is a line.
        #expect(peer.isAnswered("PROXY UNKNOWN"))
        peer.halfClose()
        #expect(peer.isAtEnd && fixture.isEmptied())
        #expect(fixture.records.texts.first == "connected 192.0.2.1:4660 through unix")
        #expect(fixture.records.contains("disconnected 192.0.2.1:4660 after 3 requests"))
        #expect(failures(fixture).isEmpty)
        // The session does not get the header.
        #expect(fixture.core.workers.totals.bytes == 22)
    }

    @Test("may get its header byte by byte", arguments: [true, false])
    func cuts(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let (peer, _) = try fixture.connect(Self.sessions)
        for byte in Self.header + "ten" {
            peer.send(String(byte))
            #expect(eventually { StreamSocket.untakenBytes(of: peer.descriptor) == 0 })
        }
        peer.send("\n")
        #expect(peer.receive(4) == "net\n")
        peer.halfClose()
        #expect(fixture.isEmptied())
    }

    @Test("keeps the peer's address where the peer speaks for itself")
    func local() throws {
        let fixture = try Fixture(usesHotLoops: false)
        let (peer, _) = try fixture.connect(Self.sessions)
        peer.send("PROXY UNKNOWN\r\n")
        #expect(peer.isAnswered("one"))
        peer.halfClose()
        #expect(fixture.isEmptied())
        #expect(fixture.records.texts.first == "connected unix")
        #expect(fixture.records.contains("disconnected unix after 1 request,"))
    }

    @Test(
        "is closed for a wrong header, and nobody hears of the session",
        arguments: [
            ("GET / HTTP/1.1\r\n", ProxyHeaderFailure.missing), ("PROXY TCP4 1.2.3.4 x 1 2\r\n", .malformed),
            ("PROXY UNKNOWN " + String(repeating: "x", count: 200), .tooLong), ("PROXY TCP4 1.", .incomplete),
        ]
    )
    func wrong(text: String, failure: ProxyHeaderFailure) throws {
        let fixture = try Fixture(usesHotLoops: false)
        let (peer, _) = try fixture.connect(Self.sessions)
        peer.send(text)
        if failure == .incomplete { peer.halfClose() }
        #expect(peer.receiveToEnd() == "")
        #expect(fixture.isEmptied())
        #expect(failures(fixture) == [failure: 1])
        #expect(fixture.records.count(.notice) == 1 && fixture.records.contains(failure.explanation))
        #expect(fixture.core.workers.totals.requests == 0)
    }

    @Test("is closed when the header is late, with any timeouts of requests")
    func late() throws {
        let fixture = try Fixture(usesHotLoops: false)
        let start = Clock.now()
        for (limit, timeout) in [(nil, 5000), (.seconds(1), 1000), (.seconds(30), 5000)]
            as [(Duration?, Milliseconds)]
        {
            var limits = Fixture.limits()
            limits.firstRequestTimeout = limit
            let (peer, connection) = try fixture.connect(Self.sessions)
            peer.send("PROXY ")
            #expect(eventually { StreamSocket.untakenBytes(of: peer.descriptor) == 0 })
            fixture.tick(connection, limits, now: start + timeout)
            #expect(!peer.isAtEndNow)
            fixture.tick(connection, limits, now: Clock.now() + timeout + 1)
            #expect(peer.isAtEnd)
        }
        #expect(fixture.isEmptied())
        #expect(failures(fixture) == [.late: 3])
    }

    @Test("counts for its client and not for the balancer, which speaks for many")
    func countsForItsClient() throws {
        let fixture = try Fixture(usesHotLoops: false)
        fixture.core.connections.setCapacity(10, perClient: 2)
        let listener = try fixture.listen(
            Fixture.sessions(
                proxyProtocol: ProxyProtocol(isExpected: true, trusted: [try Network(parsing: "127.0.0.1")])
            )
        )
        func connect(_ header: String) throws -> Peer {
            let peer = try Peer(connectingTo: listener.address.address)
            peer.send(header)
            return peer
        }
        var first = try (0..<2).map { _ in try connect(Self.header) }
        for peer in first { #expect(peer.isAnswered("one")) }
        let third = try connect(Self.header + "one\n")
        #expect(third.receiveToEnd() == "")
        // Others through the same balancer, and the balancer itself, are not that client.
        let others = try (1...3).map { try connect("PROXY TCP4 192.0.2.\(100 + $0) 198.51.100.2 1 2\r\n") }
        let own = try (0..<2).map { _ in try connect("PROXY UNKNOWN\r\n") }
        for peer in others + own { #expect(peer.isAnswered("one")) }
        #expect(fixture.core.connections.refused == 1 && failures(fixture).isEmpty)
        #expect(fixture.records.contains("refused 192.0.2.1:4660: its address has as many connections"))
        #expect(!fixture.records.contains("disconnected 192.0.2.1"))
        // One client leaves, so another may connect.
        first.removeLast()
        #expect(eventually { fixture.core.connections.ended == 2 })
        #expect(try connect(Self.header).isAnswered("one"))
    }

    @Test("may leave without a word, as a check of the port does")
    func leaves() throws {
        let fixture = try Fixture(usesHotLoops: false)
        let (peer, _) = try fixture.connect(Self.sessions)
        peer.halfClose()
        #expect(peer.isAtEnd && fixture.isEmptied())
        #expect(failures(fixture).isEmpty && fixture.records.texts.isEmpty)
    }

    @Test(
        "of a server that drains is answered what had arrived, the header counted",
        arguments: [true, false]
    )
    func drains(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        // It is not started yet, so the header and the lines are still in the socket when the drain begins.
        let (peer, connection) = try fixture.connect(Self.sessions, isStarted: false)
        peer.send(Self.header + "one\ntwo\nhalf")
        connection.start()
        fixture.drain(connection)
        #expect(peer.receiveToEnd() == "eno\nowt\n")
        peer.halfClose()
        #expect(fixture.isEmptied())
        #expect(fixture.records.contains("the server is stopping"))
    }

    @Test(
        "from outside of the trusted networks is closed and counted; a reload of the networks counts at once"
    )
    func trusted() throws {
        let fixture = try Fixture(usesHotLoops: false, capacity: 1)
        let elsewhere = ProxyProtocol(isExpected: true, trusted: [try Network(parsing: "192.0.2.0/24")])
        let listener = try fixture.listen(Fixture.sessions(proxyProtocol: elsewhere))
        for _ in 0..<3 {
            let peer = try Peer(connectingTo: listener.address.address)
            peer.send(Self.header + "one\n")
            #expect(peer.receiveToEnd() == "")
        }
        #expect(eventually { failures(fixture) == [.untrusted: 3] })
        #expect(fixture.records.texts.allSatisfy { $0.hasPrefix("refused 127.0.0.1:") })
        #expect(fixture.core.connections.accepted == 0)
        let here = ProxyProtocol(isExpected: true, trusted: [try Network(parsing: "127.0.0.0/8")])
        listener.setSessions(Fixture.sessions(proxyProtocol: here))
        let peer = try Peer(connectingTo: listener.address.address)
        peer.send(Self.header)
        #expect(peer.isAnswered("one"))
        #expect(fixture.records.contains("connected 192.0.2.1:4660 through 127.0.0.1:"))
    }
}
