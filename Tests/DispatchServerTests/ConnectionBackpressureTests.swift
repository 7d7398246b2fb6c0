import Dispatch
import Glibc
import Testing

@testable import DispatchServer

/// Clients that do not read their answers.
@Suite("A connection whose client does not read", .serialized)
struct ConnectionBackpressureTests {
    private static let line = String(repeating: "x", count: 999) + "\n"

    @Test("reads nothing more, and loses nothing", arguments: [true, false])
    func backpressure(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let (peer, _) = try fixture.connect()
        for _ in 0..<2 {
            let sent = peer.fill(with: Self.line)
            #expect(sent < 4 << 20)
            #expect(peer.receive(sent / 1000 * 1000) == String(repeating: Self.line, count: sent / 1000))
            peer.send("\n")
            let rest = String(repeating: "x", count: sent % 1000) + "\n"
            #expect(peer.receive(rest.utf8.count) == rest)
        }
        peer.halfClose()
        #expect(fixture.isEmptied())
    }

    @Test("leaves without a trace when its client vanishes", arguments: [true, false])
    func vanishes(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        for _ in 0..<3 {
            do {
                let (peer, _) = try fixture.connect()
                _ = peer.fill(with: Self.line)
            }
            #expect(fixture.isEmptied())
        }
    }

    @Test("is idle only when its client takes nothing at all", arguments: [true, false])
    func idles(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let limits = Fixture.limits(idleTimeout: .seconds(1))
        let (peer, connection) = try fixture.connect()
        _ = peer.fill(with: Self.line)
        var now = Clock.now()
        for _ in 0..<2 {
            // More than the kernel frees at once, and less than makes the socket writable.
            #expect(peer.receive(45_000).utf8.count == 45_000)
            now += 5000
            fixture.tick(connection, limits, now: now)
            #expect(fixture.core.connections.ended == 0)
        }
        for _ in 0..<2 {
            now += 5000
            fixture.tick(connection, limits, now: now)
        }
        #expect(fixture.isEmptied())
        #expect(fixture.records.contains("no complete request for the idle timeout"))
    }

    @Test("still gets blocked output when the server drains", arguments: [true, false])
    func drains(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let (peer, connection) = try fixture.connect()
        let sent = peer.fill(with: Self.line)
        fixture.drain(connection)
        #expect(peer.receiveToEnd() == String(repeating: Self.line, count: sent / 1000))
        peer.halfClose()
        #expect(fixture.isEmptied())
    }

    @Test("waits on a loop even where busy connections do not, and goes back to its source then")
    func returns() throws {
        let fixture = try Fixture(usesHotLoops: false)
        let (peer, _) = try fixture.connect()
        for _ in 0..<3 {
            let sent = peer.fill(with: Self.line)
            #expect(eventually { fixture.isServedByLoop() })
            #expect(peer.receive(sent / 1000 * 1000).utf8.count == sent / 1000 * 1000)
            peer.send("\n")
            #expect(peer.receive(sent % 1000 + 1).utf8.count == sent % 1000 + 1)
            #expect(eventually { !fixture.isServedByLoop() })
        }
    }

    @Test("is closed when it can wait neither here nor there", arguments: [true, false])
    func loopFails(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let other = try fixture.makeLoop(1)
        let (peer, connection) = try fixture.connect()
        _ = peer.fill(with: Self.line)
        // epoll refuses regular files (EPERM), so the connection cannot go to the other loop.
        let socket = dup(connection.descriptor)
        let file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
        #expect(dup2(file, connection.descriptor) == connection.descriptor)
        connection.move(from: fixture.core.loops.next, to: other)
        close(file)
        close(socket)
        #expect(fixture.isEmptied(within: 5))
        #expect(fixture.records.contains("Operation not permitted"))
        #expect(peer.receiveToEnd().utf8.count > 0)
    }
}

extension Fixture {
    /// Whether the server's first loop runs. If it does, it calls a probe on its own thread, otherwise on the caller's.
    func isServedByLoop() -> Bool {
        let caller = pthread_self()
        let isOver = DispatchSemaphore(value: 0)
        nonisolated(unsafe) var isOwn = true
        core.loops.probe {
            isOwn = pthread_equal(caller, pthread_self()) != 0
            isOver.signal()
        }
        isOver.wait()
        return !isOwn
    }
}
