import Glibc
import Logging
import Sockets
import Testing

@testable import DispatchServer

@Suite("A connection", .serialized)
struct ConnectionTests {
    @Test("answers, ends with its client, and frees its slot", arguments: [true, false])
    func answers(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops, capacity: 1)
        for _ in 0..<3 {
            let (peer, _) = try fixture.connect()
            for word in ["ADVANCE", "", "ten"] { #expect(peer.isAnswered(word)) }
            peer.send("last")
            peer.halfClose()
            #expect(peer.receiveToEnd() == "tsal")
            #expect(fixture.isEmptied())
        }
        #expect(fixture.core.workers.totals.requests == 12)
        // 13 bytes of lines and 4 of the last one, each time.
        #expect(fixture.core.workers.totals.bytes == 51)
        #expect(fixture.core.connections.ended == 3)
        #expect(fixture.records.texts.allSatisfy { $0.contains("after 4 requests") })
    }

    @Test("gives a request the same answer however it is cut", arguments: [true, false])
    func cuts(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let (peer, _) = try fixture.connect()
        // Shorter and longer than a request that is copied before the next receive, and longer than a worker's buffer.
        for size in [10, 5000, 300_000] {
            let line = String(repeating: "ab", count: size / 2)
            for part in [line.prefix(3), line.dropFirst(3).prefix(size / 3), line.dropFirst(3 + size / 3)] {
                #expect(eventually { StreamSocket.untakenBytes(of: peer.descriptor) == 0 })
                peer.send(String(part))
            }
            peer.send("\n")
            #expect(peer.receive(size + 1) == String(line.reversed()) + "\n")
        }
    }

    @Test("sends output of another length than its input", arguments: [true, false])
    func output(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let (peer, _) = try fixture.connect(Fixture.sessions(.twice))
        peer.send("one\ntwo\nha")
        #expect(peer.receive(16) == "eno\neno\nowt\nowt\n")
        peer.send("lf\nlast")
        #expect(peer.receive(10) == "flah\nflah\n")
        peer.halfClose()
        #expect(peer.receiveToEnd() == "tsal\ntsal")
        #expect(fixture.isEmptied())
        #expect(fixture.records.contains("after 4 requests"))
    }

    @Test("sends output that is much larger than the socket's buffer", arguments: [true, false])
    func largeOutput(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let (peer, _) = try fixture.connect(Fixture.sessions(.twice))
        let line = String(repeating: "x", count: 999) + "\n"
        let sent = peer.fill(with: line)
        let lines = sent / 1000
        #expect(peer.receive(2000 * lines) == String(repeating: line, count: 2 * lines))
        peer.halfClose()
        let rest = sent % 1000
        let half = String(repeating: "x", count: rest)
        #expect(peer.receiveToEnd() == (rest > 0 ? half + "\n" + half : ""))
        #expect(fixture.isEmptied())
    }

    @Test("ends when its session has finished, and answers nothing after that", arguments: [true, false])
    func finishes(usesHotLoops: Bool) throws {
        for options in [LineSession.Options.inPlace, .marked] {
            let fixture = try Fixture(usesHotLoops: usesHotLoops)
            let (peer, _) = try fixture.connect(Fixture.sessions(options))
            peer.send("one\nquit\nthree\n")
            #expect(peer.receiveToEnd() == (options == .inPlace ? "eno\ntiuq\n" : "eno!\ntiuq!\n"))
            peer.send("four\n")
            peer.halfClose()
            #expect(fixture.isEmptied())
            #expect(fixture.records.texts.count == 1 && fixture.records.count(.info) == 1)
            #expect(fixture.records.texts[0].contains("after 2 requests"))
        }
    }

    @Test("ends when its session refuses, and the log says why", arguments: [true, false])
    func refuses(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let (first, _) = try fixture.connect()
        first.send("break\nmore\n")
        #expect(first.receiveToEnd() == "kaerb\n")
        let (second, _) = try fixture.connect(Fixture.sessions(limits: .init(longestLine: 8)))
        second.send("short\nthis is too long\n")
        #expect(second.receiveToEnd() == "trohs\n")
        first.halfClose()
        second.halfClose()
        #expect(fixture.isEmptied())
        #expect(fixture.records.contains("a rule was broken"))
        #expect(fixture.records.contains("a line is too long"))
        #expect(fixture.records.count(.notice) == 2)
    }

    @Test("refuses a last line without an end as well", arguments: [true, false])
    func refusesLastLine(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let (peer, _) = try fixture.connect()
        peer.send("break")
        peer.halfClose()
        #expect(peer.receiveToEnd() == "kaerb")
        #expect(fixture.isEmptied())
        #expect(fixture.records.contains("a rule was broken"))
    }

    @Test("does not end before its client has taken the answers", arguments: [true, false])
    func lingers(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let (peer, connection) = try fixture.connect()
        peer.send("one\nquit\n")
        #expect(peer.receive(9) == "eno\ntiuq\n" && peer.isAtEnd)
        // If it were closed now, with unread input, the client would get a RST.
        peer.send("late")
        let timeout = ConnectionState.lingerTimeout
        fixture.tick(connection, Fixture.limits(), now: Clock.now() + timeout / 2)
        #expect(fixture.core.connections.count == 1)
        let isEnded = eventually {
            fixture.tick(connection, Fixture.limits(), now: Clock.now() + 2 * timeout)
            return fixture.core.connections.count == 0
        }
        #expect(isEnded)
    }

    @Test("is closed when it is idle, and not before", arguments: [true, false])
    func idles(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let limits = Fixture.limits(idleTimeout: .seconds(10))
        let (peer, connection) = try fixture.connect()
        peer.send("half")
        let now = Clock.now()
        fixture.tick(connection, limits, now: now + 9000)
        fixture.tick(connection, Fixture.limits(), now: now + 1_000_000)
        peer.send(" line\n")
        #expect(peer.receive(10) == "enil flah\n")
        // A drain that finds the connection busy leaves it to the next attempt.
        let isEnded = eventually {
            fixture.tick(connection, limits, now: Clock.now() + 20_000)
            return peer.isAtEndNow
        }
        #expect(isEnded)
        peer.halfClose()
        #expect(fixture.isEmptied())
        #expect(fixture.records.contains("no complete request for the idle timeout"))
    }

    @Test("that is aborted is closed once and counted once", arguments: [true, false])
    func aborts(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops)
        let (peer, connection) = try fixture.connect()
        _ = peer.fill(with: String(repeating: "x", count: 999) + "\n")
        fixture.core.workers.withWorker { worker in
            #expect(connection.abort(worker))
            #expect(!connection.abort(worker))
        }
        #expect(fixture.isEmptied())
        #expect(fixture.records.contains("the drain timeout is over"))
    }
}
