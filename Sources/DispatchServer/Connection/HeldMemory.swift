import Synchronization

/// The memory that the connections of a server hold, and the connections that wait for memory.
///
/// A connection reports only changes, and only memory beyond its base cost. So connections that hold nothing write to no
/// shared cache line.
final class HeldMemory: Sendable {
    /// Up to this many bytes are part of the base cost of a connection, and are not counted. When memory is returned to the
    /// system, each connection that has ended counts for as much.
    static let ignored = 1024
    /// After this many freed bytes the allocator is asked to return memory to the system, and after fewer when no connection is
    /// left.
    private static let trimmed = 4 << 20
    private static let trimmedAtLast = 1 << 20
    private static let trimInterval: Milliseconds = 5000

    private struct Waiting {
        var connections: [UInt64: Connection] = [:]
        var nextRound: Milliseconds = 0
        var nextNotice: Milliseconds = 0
        var nextTrim: Milliseconds = 0
        var releasedAtTrim = 0
    }

    private let limit: Atomic<Int>
    private let total = Atomic(0)
    private let freed = Atomic(0)
    private let waitingCount = Atomic(0)
    private let isWaking = Atomic(false)
    private let waiting = Mutex(Waiting())

    init(limit: Int) { self.limit = Atomic(limit) }

    var maximum: Int { limit.load(ordering: .relaxed) }
    var used: Int { total.load(ordering: .relaxed) }
    var waitingConnections: Int { waitingCount.load(ordering: .relaxed) }

    private var budget: MemoryBudget { MemoryBudget(limit: limit.load(ordering: .relaxed)) }

    func setLimit(_ bytes: Int) { limit.store(bytes, ordering: .relaxed) }

    /// How many more bytes a connection may hold that holds `bytes`; 0 if it must wait.
    func allowance(holding bytes: Int) -> Int { budget.allowance(used: used, holding: bytes) }

    /// Counts a change of what a connection holds. Returns whether the caller must arrange one `wake`, soon.
    func change(by bytes: Int) -> Bool {
        total.wrappingAdd(bytes, ordering: .relaxed)
        guard bytes < 0 else { return false }
        freed.wrappingAdd(-bytes, ordering: .relaxed)
        return waitingConnections > 0 && !isWaking.exchange(true, ordering: .relaxed)
    }

    // MARK: - Waiting connections. Called with the connection's lock held.

    func wait(_ connection: Connection) {
        waiting.withLock {
            $0.connections[connection.number] = connection
            waitingCount.store($0.connections.count, ordering: .relaxed)
        }
    }

    func stopWaiting(_ connection: Connection) {
        waiting.withLock {
            $0.connections[connection.number] = nil
            waitingCount.store($0.connections.count, ordering: .relaxed)
        }
    }

    // MARK: - On the control queue

    /// Resumes the connections that hold least, as many as the free memory may suffice for.
    func wake() {
        isWaking.store(false, ordering: .relaxed)
        guard waitingConnections > 0 else { return }
        var free = budget.limit - used
        let holders = waiting.withLock { Array($0.connections.values) }.map { ($0, $0.holder?.bytes ?? 0) }
        for (connection, bytes) in holders.sorted(by: { $0.1 < $1.1 }) {
            guard free > 0, allowance(holding: bytes) > 0 else { return }
            connection.resumeWatching()
            free -= Worker.bufferSize
        }
    }

    /// Called by each sweep. While connections wait, ends those that have held most for too long.
    ///
    /// - Parameter ended: How many connections have ended so far.
    func relieve(
        _ all: some Collection<Connection>,
        ended: UInt64,
        _ worker: Worker,
        log: ServerLog,
        now: Milliseconds
    ) {
        wake()
        trim(after: all.isEmpty ? Self.trimmedAtLast : Self.trimmed, ended: ended, now)
        let (isDue, mustLog) = waiting.withLock { waiting in
            guard !waiting.connections.isEmpty else { return (false, false) }
            let result = (now >= waiting.nextRound, now >= waiting.nextNotice)
            if result.1 { waiting.nextNotice = now &+ ListenerState.noticeInterval }
            return result
        }
        if mustLog { log.memoryUsedUp(limit: budget.limit, waiting: waitingConnections) }
        guard isDue else { return }
        let holders = all.compactMap { connection in connection.holder.map { (connection, $0) } }
        let chosen = budget.choose(from: holders.map(\.1), used: used, now: now)
        guard !chosen.isEmpty else { return }
        waiting.withLock { $0.nextRound = now &+ MemoryBudget.roundInterval }
        for index in chosen { holders[index].0.giveUpMemory(worker, now: now) }
    }

    /// The allocator keeps the small, scattered blocks of clients that have left until it is asked to return them.
    private func trim(after least: Int, ended: UInt64, _ now: Milliseconds) {
        let released = freed.load(ordering: .relaxed) &+ Int(truncatingIfNeeded: ended) &* Self.ignored
        let isDue = waiting.withLock { waiting in
            guard released &- waiting.releasedAtTrim >= least, now >= waiting.nextTrim else { return false }
            waiting.releasedAtTrim = released
            waiting.nextTrim = now &+ Self.trimInterval
            return true
        }
        if isDue { Allocator.returnFreeMemory() }
    }
}
