import Dispatch
import Glibc
import Logging
import Sockets
import Synchronization
import Testing

@testable import DispatchServer

@Suite("A listener", .serialized)
struct ListenerTests {
    /// A session maker that the test can block while the listener's lock is held.
    private final class Gate: Sendable {
        let isInside = DispatchSemaphore(value: 0)
        let mayGo = DispatchSemaphore(value: 0)

        var sessions: SessionMaker {
            SessionMaker { [self] in
                isInside.signal()
                mayGo.wait()
                return Fixture.sessions()()
            }
        }
    }

    @Test("accepts everybody, logs each with its address, and gives new clients the new sessions")
    func accepts() throws {
        let fixture = try Fixture(usesHotLoops: true, capacity: 200)
        let listener = try fixture.listen()
        // More than are accepted in a row.
        let peers = try (0..<150).map { _ in try Peer(connectingTo: listener.address.address) }
        for peer in peers { #expect(peer.isAnswered("one")) }
        #expect(fixture.core.connections.accepted == 150)
        #expect(fixture.records.texts.allSatisfy { $0.hasPrefix("connected 127.0.0.1:") })
        listener.setSessions(Fixture.sessions(.marked))
        let late = try Peer(connectingTo: listener.address.address)
        late.send("one\n")
        #expect(late.receive(5) == "eno!\n")
        #expect(peers[0].isAnswered("two"))
    }

    @Test("logs the address of a client that has left before it was accepted")
    func logsLeavers() throws {
        let fixture = try Fixture(usesHotLoops: false, capacity: 1)
        let listener = try fixture.listen()
        let first = try Peer(connectingTo: listener.address.address)
        #expect(first.isAnswered("one"))
        do {
            let gone = try Peer(connectingTo: listener.address.address)
            gone.resetOnClose()
        }
        let third = try Peer(connectingTo: listener.address.address)
        first.halfClose()
        #expect(third.isAnswered("three"))
        let connected = fixture.records.texts.filter { $0.hasPrefix("connected ") }
        #expect(connected.count == 3 && connected.allSatisfy { $0.hasPrefix("connected 127.0.0.1:") })
    }

    @Test("says that clients wait, and that they do not any more")
    func pauses() throws {
        let fixture = try Fixture(usesHotLoops: false, capacity: 1)
        let listener = try fixture.listen()
        let first = try Peer(connectingTo: listener.address.address)
        #expect(first.isAnswered("one"))
        fixture.core.sweep()
        #expect(fixture.records.count(.warning) == 0)
        let second = try Peer(connectingTo: listener.address.address)
        let isNoted = eventually {
            fixture.core.sweep()
            return fixture.records.count(.warning) > 0
        }
        #expect(isNoted)
        fixture.core.sweep()
        #expect(fixture.records.count(.warning) == 1)
        #expect(fixture.records.contains("all 1 connection slots are in use"))
        first.halfClose()
        #expect(second.isAnswered("two"))
        #expect(fixture.records.contains(" again after "))
    }

    @Test("whose socket does not listen any more says so, and closes")
    func dies() throws {
        let fixture = try Fixture(usesHotLoops: false)
        let isClosed = DispatchSemaphore(value: 0)
        let listener = try fixture.listen(isHandedIn: true, onEnd: { _ in isClosed.signal() })
        // As another process that holds the socket may do.
        shutdown(listener.descriptor, Int32(SHUT_RDWR))
        #expect(isClosed.wait(timeout: .now() + 10) == .success)
        #expect(fixture.records.count(.critical) == 1)
        #expect(fixture.records.contains("the socket is dead"))
    }

    @Test("serves those in its backlog when it leaves, then closes", arguments: [1, 10])
    func leaves(capacity: Int) throws {
        let fixture = try Fixture(usesHotLoops: false, capacity: capacity)
        let isClosed = DispatchSemaphore(value: 0)
        let listener = try fixture.listen(onEnd: { _ in isClosed.signal() })
        let peers = try (0..<10).map { _ in try Peer(connectingTo: listener.address.address) }
        for (number, peer) in peers.enumerated() {
            peer.send("\(number)\n")
            peer.halfClose()
        }
        listener.leave()
        for (number, peer) in peers.enumerated() { #expect(peer.receiveToEnd() == "\(number)\n") }
        #expect(isClosed.wait(timeout: .now() + 10) == .success)
        let late = try Peer(connectingTo: listener.address.address)
        #expect(!late.isAnswered("late"))
    }

    @Test("that was handed in closes at once when it leaves, and its backlog is for the next process")
    func leavesHandedIn() throws {
        let fixture = try Fixture(usesHotLoops: false)
        let isClosed = DispatchSemaphore(value: 0)
        let listener = try fixture.listen(isHandedIn: true, onEnd: { _ in isClosed.signal() })
        let keeper = dup(listener.descriptor)
        defer { close(keeper) }
        listener.leave()
        #expect(isClosed.wait(timeout: .now() + 10) == .success)
        let peer = try Peer(connectingTo: listener.address.address)
        peer.send("one\n")
        switch StreamSocket.accept(from: keeper) {
        case .client(let socket, _): #expect(StreamSocket.unreadBytes(of: socket.number) == 4)
        case .failed(let code): Issue.record("accept: \(code)")
        }
    }

    @Test("that is busy when it must close does so when it is not", arguments: [true, false])
    func closesLater(isHandedIn: Bool) throws {
        let fixture = try Fixture(usesHotLoops: false)
        let gate = Gate()
        let isClosed = DispatchSemaphore(value: 0)
        let listener = try fixture.listen(
            gate.sessions,
            isHandedIn: isHandedIn,
            onEnd: { _ in isClosed.signal() }
        )
        let peer = try Peer(connectingTo: listener.address.address)
        gate.isInside.wait()
        // Returns although the handler is blocked, because the control queue must not wait.
        if isHandedIn { listener.leave() } else { listener.close() }
        gate.mayGo.signal()
        #expect(isClosed.wait(timeout: .now() + 5) == .success)
        #expect(peer.isAnswered("one"))
    }

    @Test("releases the slots of clients that are gone")
    func slots() throws {
        let fixture = try Fixture(usesHotLoops: false, capacity: 1)
        let listener = try fixture.listen()
        for number in 0..<50 {
            let peer = try Peer(connectingTo: listener.address.address)
            #expect(peer.isAnswered("\(number)"))
            peer.halfClose()
            #expect(peer.isAtEnd)
        }
        #expect(fixture.isEmptied())
        #expect(fixture.core.connections.accepted == 50 && fixture.core.connections.ended == 50)
    }
}
