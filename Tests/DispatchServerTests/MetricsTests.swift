import Glibc
import Sockets
import Testing

@testable import DispatchServer

@Suite("What a server counts", .serialized)
struct MetricsTests {
    @Test("Requests by kind and size, on each thread apart, add up")
    func tally() {
        let one = RequestTally()
        one.add(size: 4, kind: 1)
        one.add(size: 5, kind: 1)
        one.add(size: 2_000_000)
        one.add(requests: 3, bytes: 30, kind: 9)
        one.add(requests: 3, sizeClass: 11)
        let other = RequestTally()
        other.add(requests: 2, bytes: 0, kind: 1)
        other.add(requests: 2, sizeClass: 0)
        var sizes = Histogram(bounds: RequestTally.sizeBounds)
        sizes.add(one.sizes)
        sizes.add(other.sizes)
        #expect(sizes.bounds.first == 4 && sizes.bounds.last == 1 << 20)
        #expect(sizes.counts == [3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1] && sizes.sum == 2_000_009)
        #expect(one.requests(ofKind: 1) == 2 && one.bytes(ofKind: 1) == 9 && one.requests(ofKind: 0) == 1)
    }

    @Test("One event in sixteen is timed, and none that brought nothing")
    func timing() {
        let worker = Worker()
        for _ in 0..<5 { worker.timing { 0 } }
        for _ in 0..<33 { worker.timing { 1 } }
        var times = Histogram(bounds: Counters.serviceTimeBounds)
        times.add(worker.counters.serviceTimes)
        #expect(times.counts.reduce(0, +) == 3 && times.sum > 0)
    }

    @Test(
        "Every reason for an end has a name in the list",
        arguments: [
            EndReason.finished, .completed, .refused(""), .timedOut(\.idleTimeout),
            .timedOut(\.firstRequestTimeout), .drained,
            .drainTimeout, .lost(0),
        ]
    )
    func reasons(reason: EndReason) {
        #expect(EndReason.names.contains(reason.name))
        #expect(Set(EndReason.names).count == EndReason.names.count)
    }

    @Test("Ends are counted by reason, pauses while they last", arguments: [true, false])
    func connections(usesHotLoops: Bool) throws {
        let fixture = try Fixture(usesHotLoops: usesHotLoops, capacity: 1)
        let listener = try fixture.listen()
        let first = try Peer(connectingTo: listener.address.address)
        #expect(first.isAnswered("one"))
        let second = try Peer(connectingTo: listener.address.address)
        #expect(eventually { Statistics(fixture.core, kinds: []).pausedListeners == 1 })
        #expect(eventually { Statistics(fixture.core, kinds: []).pausedTime > .zero })
        first.halfClose()
        #expect(second.isAnswered("two"))
        second.send("break\n")
        #expect(second.receiveToEnd() == "kaerb\n")
        second.halfClose()
        #expect(fixture.isEmptied())
        let statistics = Statistics(fixture.core, kinds: ["a", "b"])
        #expect(statistics.ended == ["client_closed": 1, "refused": 1])
        #expect(statistics.accepted == 2 && statistics.connections == 0 && statistics.pausedListeners == 0)
        #expect(statistics.kinds.map(\.name) == ["a", "b"])
        listener.close()
    }

    @Test("Names and meanings of the metrics are fit for Prometheus, and each is there once")
    func table() {
        var terms = MetricsTerms()
        terms.prefix = "x"
        let metrics = terms.metrics
        #expect(Set(metrics.map(\.description.name)).count == metrics.count)
        for description in metrics.map(\.description) {
            #expect(description.name.hasPrefix("x_"))
            #expect(description.name.hasSuffix("_total") == (description.kind == .counter))
            #expect(description.meaning.hasSuffix(".") && !description.meaning.contains("\n"))
        }
    }
}

@Suite("Two servers in one process", .serialized)
struct TwoServersTests {
    @Test("find their own sockets that libdispatch could not watch, and drop unknown ones")
    func unwatched() throws {
        let one = try Fixture(usesHotLoops: false)
        let other = try Fixture(usesHotLoops: false)
        let (peer, connection) = try other.connect()
        #expect(peer.isAnswered("one"))
        // As if its sweep had found that a socket of the other server is not watched.
        one.core.putBack([connection.descriptor: ENOSPC])
        #expect(
            eventually {
                one.core.putBack(one.core.endUnwatched())
                other.core.putBack(other.core.endUnwatched())
                return peer.isAtEndNow
            }
        )
        #expect(other.isEmptied())

        one.core.putBack([999_999: ENOSPC])
        usleep(700_000)
        // Servers of other tests may hold it for a moment.
        #expect(
            eventually {
                one.core.putBack(one.core.endUnwatched())
                return one.core.endUnwatched().isEmpty
            }
        )
    }
}
