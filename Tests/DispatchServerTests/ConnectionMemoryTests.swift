import Glibc
import Sockets
import Testing

@testable import DispatchServer

@Suite("Connections and memory", .serialized)
struct ConnectionMemoryTests {
    private static func limits(_ bytes: Int) -> Limits {
        var limits = Fixture.limits()
        limits.maximumBufferedBytes = .chosen(bytes)
        return limits
    }

    /// Sends until the other side takes no more.
    private func fill(_ peer: Peer) { _ = peer.fill(with: "no end of it ") }

    @Test("report what they hold, and nothing when they hold nothing", arguments: [true, false])
    func reports(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let (peer, _) = try fixture.connect()
        #expect(peer.isAnswered("short"))
        peer.send("half")
        #expect(eventually { StreamSocket.untakenBytes(of: peer.descriptor) == 0 })
        #expect(eventually { fixture.core.memory.used == 0 })
        let line = String(repeating: "x", count: 50_000)
        peer.send(line)
        #expect(eventually { fixture.core.memory.used >= 50_000 })
        peer.send("\n")
        #expect(eventually { fixture.core.memory.used == 0 })
        peer.halfClose()
        _ = peer.receiveToEnd()
        #expect(fixture.isEmptied())
    }

    @Test("count for nothing after an end without an event of their own", arguments: [true, false])
    func failWhileHolding(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let (peer, connection) = try fixture.connect()
        peer.send(String(repeating: "x", count: 50_000))
        #expect(eventually { fixture.core.memory.used >= 50_000 })
        // libdispatch cannot watch the descriptor.
        #expect(eventually { connection.fail(EPERM) })
        #expect(fixture.core.memory.used == 0)
        #expect(fixture.isEmptied())
    }

    @Test(
        "wait when they hold most, go on when there is memory, and one with short lines never waits",
        arguments: [true, false]
    )
    func waits(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops, limits: Self.limits(1 << 20))
        let (greedy, _) = try fixture.connect(Fixture.sessions(limits: .init(longestLine: 64 << 20)))
        #expect(
            eventually {
                fill(greedy)
                return fixture.core.memory.waitingConnections == 1
            }
        )
        #expect((400_000...(1 << 20) + MemoryBudget.base).contains(fixture.core.memory.used))
        let (modest, _) = try fixture.connect()
        for _ in 0..<100 { #expect(modest.isAnswered("short")) }
        // A reload sets another limit.
        fixture.core.currentLimits = Self.limits(4 << 20)
        fixture.core.sweep()
        #expect(
            eventually {
                fill(greedy)
                return fixture.core.memory.used > 1 << 20
            }
        )
        greedy.resetOnClose()
    }

    @Test("end when they have held the most for long and others wait", arguments: [true, false])
    func ends(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops, limits: Self.limits(1 << 20))
        let (greedy, connection) = try fixture.connect(Fixture.sessions(limits: .init(longestLine: 64 << 20)))
        #expect(
            eventually {
                fill(greedy)
                return fixture.core.memory.waitingConnections == 1
            }
        )
        fixture.core.workers.withWorker { worker in
            let late = Clock.now() + MemoryBudget.holdTimeout + 1000
            fixture.core.memory.relieve([connection], ended: 0, worker, log: fixture.core.log, now: late)
        }
        #expect(eventually { fixture.core.memory.used == 0 && fixture.core.memory.waitingConnections == 0 })
        // What it still sends is discarded, so that the end is a FIN and no reset.
        #expect(greedy.receiveToEnd() == "")
        greedy.halfClose()
        #expect(fixture.isEmptied())
        #expect(fixture.core.connections.ends == ["memory": 1])
        #expect(fixture.records.contains("while others waited for some"))
        #expect(fixture.records.contains("bytes are held for clients"))
    }

    @Test("end when they wait and their client is gone")
    func gone() throws {
        let fixture = try Fixture(usesHotLoops: true, limits: Self.limits(1 << 20))
        do {
            let listener = try fixture.listen(Fixture.sessions(limits: .init(longestLine: 64 << 20)))
            let greedy = try Peer(connectingTo: listener.address.address)
            #expect(
                eventually {
                    fill(greedy)
                    return fixture.core.memory.waitingConnections == 1
                }
            )
            greedy.resetOnClose()
            listener.close()
        }
        #expect(
            eventually {
                fixture.core.sweep()
                return fixture.core.connections.count == 0
            }
        )
        #expect(fixture.core.memory.used == 0 && fixture.core.memory.waitingConnections == 0)
    }

    @Test("tell how many bytes of answers were not taken", arguments: [true, false])
    func untaken(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let (peer, _) = try fixture.connect()
        let sent = peer.fill(with: "a line that is answered\n")
        #expect(sent > 0)
        #expect(fixture.core.abort(fixture.core.connections.all) == 1)
        #expect(fixture.isEmptied())
        #expect(fixture.core.connections.untakenBytes > 0)
        #expect(fixture.records.contains("bytes of answers were not taken"))
    }
}
