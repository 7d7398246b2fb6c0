import Glibc
import Synchronization

/// The buffer and the counters of a thread while it serves events.
///
/// Unchecked because of the buffer's pointer and `untimed`. Safe because a worker is either in the pool or in use by one
/// thread, and the pool's lock separates the two.
@safe
final class Worker: @unchecked Sendable {
    /// The size of a buffer, and so the maximum that a connection receives at one event, which keeps the connections fair.
    static var bufferSize: Int { 128 << 10 }

    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Worker.bufferSize, alignment: 64)
    let counters = Counters()
    let tally = RequestTally()
    /// How many events until the next one is timed.
    private var untimed = 0

    /// Serves an event, and measures the time of one event in 16: reading the clock twice costs more than a hundredth of the
    /// time that a short line takes.
    ///
    /// - Parameter serve: Returns how many bytes it received. An event without bytes is not counted.
    @inline(__always)
    @discardableResult
    func timing(_ serve: () -> Int) -> Int {
        guard untimed == 0 else {
            untimed &-= 1
            return serve()
        }
        let start = Clock.nanoseconds(CLOCK_MONOTONIC)
        let received = serve()
        if received > 0 {
            counters.addServiceTime(Clock.nanoseconds(CLOCK_MONOTONIC) &- start)
            untimed = Counters.timedShare - 1
        }
        return received
    }

    deinit { unsafe buffer.deallocate() }
}

/// The workers of a server. There are as many as threads serve events at once, independent of the number of clients.
final class WorkerPool: Sendable {
    private struct Contents {
        var free: [Worker] = []
        var all: [Worker] = []
    }

    private let contents = Mutex(Contents())

    /// Lends a worker to `body`.
    func withWorker<Result>(_ body: (Worker) -> Result) -> Result {
        let worker = contents.withLock { $0.free.popLast() } ?? makeWorker()
        defer { contents.withLock { $0.free.append(worker) } }
        return body(worker)
    }

    private func makeWorker() -> Worker {
        let worker = Worker()
        contents.withLock { $0.all.append(worker) }
        return worker
    }

    var all: [Worker] { contents.withLock { $0.all } }

    /// The sums of the counters of all workers.
    var totals: (requests: UInt64, bytes: UInt64) {
        all.reduce((0, 0)) { sum, worker in
            (sum.0 &+ worker.counters.requests, sum.1 &+ worker.counters.bytes)
        }
    }
}
