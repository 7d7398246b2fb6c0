import Glibc
import Synchronization
import Testing

@testable import ReverseServer

@Suite("A connection", .serialized)
struct ConnectionTests {
    private static let line = String(repeating: "x", count: 999) + "\n"

    @Test("answers, ends with its client, and frees its place", arguments: [true, false])
    func answers(usesHotSet: Bool) throws {
        let house = House(usesHotSet: usesHotSet, capacity: 1)
        for _ in 0..<3 {
            let (peer, _) = try house.connect()
            for word in ["ADVANCE", "", "né"] {
                peer.send(word + "\n")
                #expect(peer.receive(word.utf8.count + 1) == String(word.reversed()) + "\n")
            }
            peer.send("last")
            peer.halfClose()
            #expect(peer.receiveToEnd() == "tsal")
            #expect(house.isEmptied())
        }
        #expect(house.registry.counters.requests.load(ordering: .relaxed) == 12)
    }

    @Test("goes from the hot set to a source and back, and answers everywhere", arguments: [true, false])
    func moves(usesHotSet: Bool) throws {
        let house = House(usesHotSet: usesHotSet)
        let (peer, _) = try house.connect()
        for round in 0..<4 {
            for number in 0..<20 {
                peer.send("\(round) \(number)\n")
                let expected = String("\(round) \(number)".reversed()) + "\n"
                #expect(peer.receive(expected.utf8.count) == expected)
            }
            usleep(80_000)  // quiet for longer than HotSet.quietTime
        }
    }

    @Test("reads nothing while its client does not, and loses nothing", arguments: [true, false])
    func backpressure(usesHotSet: Bool) throws {
        let house = House(usesHotSet: usesHotSet)
        for pause in [0, 100_000] as [UInt32] {
            let (peer, _) = try house.connect()
            let sent = peer.fill(with: Self.line)
            #expect(sent < 4 << 20)
            usleep(pause)  // the second time long enough to have left the hot set
            let answers = peer.receive(sent / 1000 * 1000)
            #expect(answers == String(repeating: Self.line, count: sent / 1000))
        }
        #expect(house.isEmptied())
    }

    @Test(
        "leaves without a trace when its client vanishes while output is blocked",
        arguments: [true, false]
    )
    func vanishes(usesHotSet: Bool) throws {
        let house = House(usesHotSet: usesHotSet)
        for pause in [0, 100_000] as [UInt32] {
            do {
                let (peer, _) = try house.connect()
                _ = peer.fill(with: Self.line)
                usleep(pause)
            }
            #expect(house.isEmptied())
        }
    }

    @Test("told to drain, answers what had arrived and no more", arguments: [true, false])
    func drains(usesHotSet: Bool) throws {
        let house = House(usesHotSet: usesHotSet)
        let (peer, connection) = try house.connect()
        peer.send("one\ntwo\nhalf")
        connection.drain()
        #expect(peer.receiveToEnd() == "eno\nowt\n")
        peer.send("three\n")
        peer.halfClose()
        #expect(house.isEmptied())
    }

    @Test("told to drain, answers a last line that its client ended", arguments: [true, false])
    func drainsLastLine(usesHotSet: Bool) throws {
        let house = House(usesHotSet: usesHotSet)
        let (peer, connection) = try house.connect()
        peer.send("one\nlast")
        peer.halfClose()
        connection.drain()
        #expect(peer.receiveToEnd() == "eno\ntsal")
        #expect(house.isEmptied())
    }

    @Test("told to drain, still sends what was blocked", arguments: [true, false])
    func drainsBlocked(usesHotSet: Bool) throws {
        let house = House(usesHotSet: usesHotSet)
        let (peer, connection) = try house.connect()
        let sent = peer.fill(with: Self.line)
        connection.drain()
        #expect(peer.receiveToEnd() == String(repeating: Self.line, count: sent / 1000))
    }

    @Test("is swept when idle, and not before", arguments: [true, false])
    func idles(usesHotSet: Bool) throws {
        let house = House(usesHotSet: usesHotSet)
        let (peer, connection) = try house.connect()
        peer.send("half")
        let now = connection.connectedAt
        connection.sweep(now: now + 1000, idleTimeout: 1000)
        connection.sweep(now: now + 1_000_000, idleTimeout: 0)
        peer.send(" line\n")
        #expect(peer.receive(10) == "enil flah\n")
        #expect(
            eventually {
                connection.sweep(now: now + 9000, idleTimeout: 1000); return peer.isAtEndNow
            }
        )
        peer.halfClose()
        #expect(house.isEmptied())
    }

    @Test("that is blocked is swept only when its client takes nothing", arguments: [true, false])
    func idlesBlocked(usesHotSet: Bool) throws {
        let house = House(usesHotSet: usesHotSet)
        let (peer, connection) = try house.connect()
        _ = peer.fill(with: Self.line)
        var now = Clock.now()
        for _ in 0..<2 {
            // More than what the kernel frees at once, and less than what makes the socket writable.
            #expect(peer.receive(45_000).utf8.count == 45_000)
            now += 5000
            connection.sweep(now: now, idleTimeout: 1000)
            usleep(30_000)  // closing it would take that long at most
            #expect(house.registry.count == 1)
        }
        #expect(
            eventually {
                now += 5000; connection.sweep(now: now, idleTimeout: 1000); return house.registry.count == 0
            }
        )
    }

    @Test("aborted, is closed once and counted once", arguments: [true, false])
    func aborts(usesHotSet: Bool) throws {
        let house = House(usesHotSet: usesHotSet)
        let (peer, connection) = try house.connect()
        _ = peer.fill(with: Self.line)
        #expect(connection.abort())
        #expect(!connection.abort())
        #expect(house.isEmptied())
    }

    @Test("survives being drained, swept and aborted from everywhere at once", arguments: [true, false])
    func contention(usesHotSet: Bool) async throws {
        let house = House(usesHotSet: usesHotSet, capacity: 100)
        for round in 0..<30 {
            let (peer, connection) = try house.connect()
            if round % 2 == 0 { peer.send(Self.line) } else { peer.send("half") }
            await withTaskGroup(of: Void.self) { group in
                group.addTask { connection.drain() }
                group.addTask { connection.sweep(now: Clock.now() + 90_000, idleTimeout: 1) }
                group.addTask { _ = connection.abort() }
                group.addTask { connection.drain() }
            }
        }
        #expect(house.isEmptied())
        #expect(house.registry.takePlace() != nil)
    }
}

extension Peer {
    /// Whether the end-of-file has come.
    fileprivate var isAtEndNow: Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT)) == 0
    }
}
