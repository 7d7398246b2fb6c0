import Dispatch
import Glibc
import Testing

@testable import DispatchServer

@Suite("A connection of a server that drains", .serialized)
struct ConnectionDrainTests {
    @Test("answers what had arrived and no more", arguments: [true, false])
    func drains(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let (peer, connection) = try fixture.connect()
        peer.send("one\ntwo\nhalf")
        fixture.drain(connection)
        #expect(peer.receiveToEnd() == "eno\nowt\n")
        peer.send("three\n")
        peer.halfClose()
        #expect(fixture.isEmptied())
        #expect(fixture.records.contains("the server is stopping"))
    }

    @Test("answers a last line that its client ended", arguments: [true, false])
    func drainsLastLine(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let (peer, connection) = try fixture.connect()
        peer.send("one\nlast")
        peer.halfClose()
        fixture.drain(connection)
        #expect(peer.receiveToEnd() == "eno\ntsal")
        #expect(fixture.isEmptied())
    }

    @Test("ends at once when its client is quiet", arguments: [true, false])
    func drainsQuiet(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let (peer, connection) = try fixture.connect()
        #expect(peer.isAnswered("one"))
        fixture.drain(connection)
        #expect(peer.isAtEnd)
        peer.halfClose()
        #expect(fixture.isEmptied())
    }

    @Test("answers the first line of a client that has just connected", arguments: [true, false])
    func drainsNewcomer(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let (peer, connection) = try fixture.connect()
        fixture.core.workers.withWorker { worker in
            let isKnown = connection.drain(worker, now: Clock.now())
            #expect(!isKnown)
        }
        peer.send("first\n")
        fixture.drain(connection)
        #expect(peer.receiveToEnd() == "tsrif\n")
        peer.halfClose()
        #expect(fixture.isEmptied())
    }

    @Test("sends output of another length than its input before it ends", arguments: [true, false])
    func drainsOutput(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let (peer, connection) = try fixture.connect(Fixture.sessions(.twice))
        peer.send("one\nlast")
        peer.halfClose()
        fixture.drain(connection)
        #expect(peer.receiveToEnd() == "eno\neno\ntsal\ntsal")
        #expect(fixture.isEmptied())
    }

    @Test("survives being drained, checked and aborted from everywhere at once", arguments: [true, false])
    func contention(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops, capacity: 100)
        let limits = Fixture.limits(idleTimeout: .milliseconds(1))
        for round in 0..<30 {
            let (peer, connection) = try fixture.connect()
            if round % 2 == 0 { peer.send("line\n") } else { peer.send("half") }
            let isAborted = DispatchSemaphore(value: 0)
            onThreads(4) { number in
                switch number {
                case 0, 1: fixture.drain(connection)
                case 2: fixture.tick(connection, limits, now: Clock.now() + 90_000)
                default:
                    _ = fixture.core.workers.withWorker { connection.abort($0) }
                    isAborted.signal()
                }
            }
            isAborted.wait()
            peer.halfClose()
        }
        #expect(fixture.isEmptied())
        #expect(fixture.core.connections.ended == 30)
        #expect(fixture.records.texts.count == 30)
        #expect(fixture.core.connections.acquireSlot())
    }
}
