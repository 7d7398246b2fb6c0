import Dispatch
import Glibc
import Synchronization
import Testing

@testable import DispatchServer

@Suite("A connection that moves between its source and the loops", .serialized)
struct ConnectionMoveTests {
    @Test("answers everywhere: busy, quiet, busy again", arguments: [true, false])
    func moves(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let (peer, _) = try fixture.connect()
        for _ in 0..<3 {
            let wasLent = (0..<200).contains { number in
                #expect(peer.isAnswered("line \(number)"))
                return number % 20 == 19 && fixture.isServedByLoop()
            }
            #expect(wasLent == usesHotLoops)
            #expect(eventually { !fixture.isServedByLoop() })
        }
    }

    @Test("begins on its source, and stays there while it is quiet", arguments: [true, false])
    func beginsOnSource(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        for _ in 0..<10 {
            let (peer, _) = try fixture.connect()
            #expect(peer.isAnswered("one"))
            #expect(!fixture.isServedByLoop())
        }
    }

    @Test("answers each client in order while loops give connections to each other")
    func betweenLoops() throws {
        let fixture = try Fixture(usesHotLoops: true, capacity: 100)
        let first = fixture.core.loops.next
        let work = Atomic<UInt64>(0)
        // Returns every member at each tick. The threads below move them in the other direction.
        let second = try fixture.makeLoop(1) { loop, report in
            work.wrappingAdd(report.work, ordering: .relaxed)
            loop.give(1, to: [first])
        }
        let pairs = try (0..<8).map { _ in try fixture.connect() }
        let failures = Atomic(0)
        onThreads(pairs.count) { number in
            let (peer, connection) = pairs[number]
            for round in 0..<300 {
                if !peer.isAnswered("client \(number) round \(round)") {
                    failures.wrappingAdd(1, ordering: .relaxed)
                }
                connection.move(from: first, to: second)
            }
            peer.halfClose()
        }
        #expect(failures.load(ordering: .relaxed) == 0)
        #expect(work.load(ordering: .relaxed) > 0)
        #expect(fixture.isEmptied())
        #expect(fixture.core.workers.totals.requests == 8 * 300)
    }

    @Test("keeps blocked output while it moves between loops")
    func blockedBetweenLoops() throws {
        let fixture = try Fixture(usesHotLoops: true)
        let first = fixture.core.loops.next
        let second = try fixture.makeLoop(1)
        let third = try fixture.makeLoop(2)
        let (peer, connection) = try fixture.connect()
        let line = String(repeating: "x", count: 999) + "\n"
        let sent = peer.fill(with: line)
        let isOver = Atomic(false)
        let mover = DispatchGroup()
        mover.enter()
        Thread.start {
            while !isOver.load(ordering: .relaxed) {
                for (from, to) in [(first, second), (second, third), (third, first)] {
                    connection.move(from: from, to: to)
                }
                usleep(200)
            }
            mover.leave()
        }
        #expect(peer.receive(sent / 1000 * 1000) == String(repeating: line, count: sent / 1000))
        peer.halfClose()
        #expect(peer.receiveToEnd() == String(repeating: "x", count: sent % 1000))
        #expect(fixture.isEmptied())
        isOver.store(true, ordering: .relaxed)
        mover.wait()
    }

    @Test("that does not belong to a loop is not moved by it")
    func movesFromItsOwnLoopOnly() throws {
        let fixture = try Fixture(usesHotLoops: false)
        let first = fixture.core.loops.next
        let second = try fixture.makeLoop(1)
        let third = try fixture.makeLoop(2)
        let (peer, connection) = try fixture.connect()
        // It is on its source, so it is in no loop.
        connection.move(from: first, to: second)
        #expect(peer.isAnswered("one"))
        _ = peer.fill(with: String(repeating: "x", count: 999) + "\n")
        connection.move(from: second, to: third)
        #expect(!connection.leave(first))  // it waits for output
        #expect(eventually { fixture.isServedByLoop() })
        connection.move(from: first, to: second)
        #expect(eventually { !fixture.isServedByLoop() })
        #expect(fixture.core.connections.count == 1)
    }

    @Test("leaves no events behind if a duplicate of its socket is open", arguments: [true, false])
    func duplicate(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let first = fixture.core.loops.next
        let reports = Mutex<[Double]>([])
        let isGone = Atomic(false)
        let reported = DispatchSemaphore(value: 0)
        let second = try fixture.makeLoop(1) { _, report in
            guard isGone.load(ordering: .acquiring) else { return }
            reports.withLock { $0.append(report.processor) }
            reported.signal()
        }
        let line = String(repeating: "x", count: 999) + "\n"
        // This one keeps the loop running.
        let (stays, staying) = try fixture.connect()
        _ = stays.fill(with: line)
        staying.move(from: first, to: second)

        for _ in 0..<5 {
            let (goes, going) = try fixture.connect()
            _ = goes.fill(with: line)
            going.move(from: first, to: second)
            let duplicate = dup(going.descriptor)
            defer { close(duplicate) }
            shutdown(goes.descriptor, Int32(SHUT_RDWR))
            #expect(eventually { fixture.core.connections.count == 1 })
            // The socket stays open, and epoll would report its end again and again.
            isGone.store(true, ordering: .releasing)
            for _ in 0..<3 { #expect(reported.wait(timeout: .now() + 10) == .success) }
            isGone.store(false, ordering: .releasing)
            let busiest = reports.withLock { $0.max() }
            #expect(busiest ?? 1 < 0.5)
        }
    }

    @Test("is closed on its source although a duplicate of its socket is open")
    func duplicateOnSource() throws {
        let fixture = try Fixture(usesHotLoops: true)
        for _ in 0..<20 {
            let (peer, connection) = try fixture.connect()
            let duplicate = dup(connection.descriptor)
            defer { close(duplicate) }
            #expect(peer.isAnswered("one"))
            shutdown(peer.descriptor, Int32(SHUT_RDWR))
            #expect(fixture.isEmptied())
        }
    }
}
