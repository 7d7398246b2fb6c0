import Testing

@testable import DispatchServer

@Suite("The workers")
struct WorkerTests {
    @Test("are lent to one user at a time and reused, and their counters are summed")
    func lends() {
        let pool = WorkerPool()
        var inner: Worker?
        let outer = pool.withWorker { first -> Worker in
            pool.withWorker { second in
                inner = second
                second.counters.add(requests: 2, bytes: 20)
            }
            first.counters.add(requests: 1, bytes: 10)
            return first
        }
        #expect(inner !== outer)
        #expect(pool.withWorker { $0 } === outer)
        #expect(pool.totals == (3, 30))
    }
}
