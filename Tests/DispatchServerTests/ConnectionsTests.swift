import Dispatch
import Glibc
import Sockets
import Synchronization
import Testing

@testable import DispatchServer

@Suite("The connections of a server", .serialized)
struct ConnectionsTests {
    /// Counts calls.
    private final class Calls: Sendable {
        private let calls = Atomic(0)
        var count: Int { calls.load(ordering: .relaxed) }
        func add() { calls.wrappingAdd(1, ordering: .relaxed) }
    }

    @Test("have as many slots as there are, and a new capacity holds at once")
    func slots() {
        let connections = Connections(capacity: 2, queue: .global())
        #expect(connections.acquireSlot() && connections.acquireSlot())
        #expect(!connections.acquireSlot())
        connections.releaseSlot()
        #expect(connections.acquireSlot())
        connections.setCapacity(3)
        #expect(connections.acquireSlot())
        connections.setCapacity(1)
        connections.releaseSlot()
        #expect(!connections.acquireSlot() && connections.capacity == 1)
    }

    @Test("are numbered from 1, and only those that were accepted")
    func numbers() {
        let connections = Connections(capacity: 5, queue: .global())
        #expect(connections.acquireSlot())
        connections.releaseSlot()
        #expect((0..<3).map { _ in connections.takeNumber() } == [1, 2, 3])
        #expect(connections.accepted == 3)
    }

    @Test("are empty at once without connections")
    func emptyAtOnce() {
        let calls = Calls()
        Connections(capacity: 2, queue: .global()).whenEmpty { calls.add() }
        #expect(calls.count == 1)
    }

    @Test("are not empty while a client is being accepted, and then once")
    func emptyAfterAccept() {
        let calls = Calls()
        let connections = Connections(capacity: 2, queue: .global())
        #expect(connections.acquireSlot())
        connections.whenEmpty { calls.add() }
        #expect(calls.count == 0)
        connections.releaseSlot()
        #expect(calls.count == 1)
        #expect(connections.acquireSlot())
        connections.releaseSlot()
        #expect(calls.count == 1)
    }

    @Test("are empty once the last one is closed", arguments: [true, false])
    func emptyAfterDrain(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let calls = Calls()
        let (first, _) = try fixture.connect()
        let (second, _) = try fixture.connect()
        first.send("one\n")
        fixture.core.connections.beginDrain()
        fixture.core.connections.whenEmpty { calls.add() }
        fixture.core.control.async { fixture.core.drain(fixture.core.connections.all) }
        #expect(first.receiveToEnd() == "eno\n")
        #expect(second.receiveToEnd() == "")
        #expect(calls.count == 0)
        first.halfClose()
        second.halfClose()
        #expect(eventually { calls.count == 1 })
        #expect(fixture.core.abort(fixture.core.connections.all) == 0)
    }

    @Test("that are disconnected are counted", arguments: [true, false])
    func abort(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let peers = try (0..<3).map { _ in try fixture.connect().0 }
        #expect(fixture.core.abort(fixture.core.connections.all) == 3)
        #expect(fixture.isEmptied())
        #expect(peers.allSatisfy { $0.isAtEnd })
    }

    @Test("wake a listener that waits for a slot, and only that")
    func wakes() throws {
        let fixture = try Fixture(usesHotLoops: false, capacity: 1)
        let listener = try fixture.listen()
        let first = try Peer(connectingTo: listener.address.address)
        #expect(first.isAnswered("one"))
        let second = try Peer(connectingTo: listener.address.address)
        #expect(eventually { fixture.core.connections.waiting.count == 1 })
        second.send("two\n")
        first.halfClose()
        #expect(second.receive(4) == "owt\n")
        #expect(fixture.core.connections.accepted == 2)
    }

    @Test("are empty although a listener that is closed still waits for a slot")
    func emptyWithClosedListener() throws {
        let fixture = try Fixture(usesHotLoops: false, capacity: 1)
        let isClosed = DispatchSemaphore(value: 0)
        let listener = try fixture.listen(onEnd: { _ in isClosed.signal() })
        let first = try Peer(connectingTo: listener.address.address)
        #expect(first.isAnswered("one"))
        let second = try Peer(connectingTo: listener.address.address)
        #expect(eventually { fixture.core.connections.waiting.count == 1 })
        listener.close()
        isClosed.wait()
        let calls = Calls()
        fixture.core.connections.whenEmpty { calls.add() }
        first.halfClose()
        #expect(first.isAtEnd)
        #expect(eventually(within: 5) { calls.count == 1 })
        _ = second
    }
}
