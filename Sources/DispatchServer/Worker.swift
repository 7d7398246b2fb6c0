import Synchronization

/// What one thread needs while it serves events: a buffer, and counters of its own.
///
/// Unchecked because of the buffer's pointer; safe because a worker is either in the pool or in use by one thread, and the
/// pool's lock is between the two.
final class Worker: @unchecked Sendable {
    /// The size of a buffer, and so the most that is received at one event: the fairness budget of a connection.
    static var bufferSize: Int { 128 << 10 }

    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Worker.bufferSize, alignment: 64)
    let counters = Counters()

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

    /// The sum of what all workers have counted.
    var totals: (requests: UInt64, bytes: UInt64) {
        contents.withLock { $0.all }.reduce((0, 0)) { sum, worker in
            (sum.0 &+ worker.counters.requests, sum.1 &+ worker.counters.bytes)
        }
    }
}
