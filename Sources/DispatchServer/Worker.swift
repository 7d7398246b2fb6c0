import Glibc
import Synchronization

/// What one thread needs while it serves events: a buffer, and counters of its own.
///
/// Unchecked because of the buffer's pointer and what is not atomic; safe because a worker is either in the pool or in use by one thread, and the
/// pool's lock is between the two.
final class Worker: @unchecked Sendable {
    /// The size of a buffer, and so the most that is received at one event: the fairness budget of a connection.
    static var bufferSize: Int { 128 << 10 }

    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Worker.bufferSize, alignment: 64)
    let counters = Counters()
    let tally = RequestTally()
    /// How many events until the next one is timed.
    private var untimed = 0

    /// Serves an event, and measures every sixteenth how long that takes: reading the clock twice for each event would cost
    /// more than a hundredth of what a short line takes.
    ///
    /// - Parameter serve: Returns how many bytes it received; an event that brought none is not counted.
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

    deinit { buffer.deallocate() }
}

/// The workers of a server: as many as threads serve events at once, whatever the number of clients.
final class WorkerPool: Sendable {
    private struct Contents {
        var free: [Worker] = []
        var all: [Worker] = []
    }

    private let contents = Mutex(Contents())

    /// Lends a worker for the time of `body`.
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

    /// The sum of what all workers have counted.
    var totals: (requests: UInt64, bytes: UInt64) {
        all.reduce((0, 0)) { sum, worker in
            (sum.0 &+ worker.counters.requests, sum.1 &+ worker.counters.bytes)
        }
    }
}
