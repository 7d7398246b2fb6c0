import CEpollGuard
import Dispatch
import Synchronization

/// What all listeners and connections of a server share.
final class ServerCore: Sendable {
    /// The concurrent queue of all read sources.
    let queue: DispatchQueue
    /// A serial queue for all other work, such as reloads and sweeps. Nothing on it may block.
    let control: DispatchQueue
    let workers = WorkerPool()
    let loops: HotLoops<Connection>
    let connections: Connections
    let memory: HeldMemory
    let log: ServerLog
    private let limits: Mutex<Limits>
    /// Descriptors with failures that belong to other servers in this process, and since when they are known.
    private let foreignFailures = Mutex<[Int32: Milliseconds]>([:])

    init(
        _ limits: Limits,
        log: ServerLog,
        usesHotLoops: Bool,
        label: String
    ) throws(LoopError) {
        queue = DispatchQueue(label: "\(label).clients", attributes: .concurrent)
        control = DispatchQueue(label: "\(label).control")
        self.log = log
        self.limits = Mutex(limits)
        connections = Connections(capacity: limits.maximumConnections, queue: queue)
        memory = HeldMemory(limit: limits.bufferedBytes)
        loops = try HotLoops(
            maximum: Processors.available(),
            adoptsBusy: usesHotLoops,
            label: label,
            withWorker: { [workers] body in workers.withWorker(body) },
            onFailure: { log.loopFailed($0) }
        )
    }

    var currentLimits: Limits {
        get { limits.withLock { $0 } }
        set {
            limits.withLock { $0 = newValue }
            memory.setLimit(newValue.bufferedBytes)
        }
    }

    /// Calls `body` on the control queue after `delay`.
    func later(_ delay: Milliseconds, _ body: @escaping @Sendable () -> Void) {
        control.asyncAfter(deadline: .now() + .milliseconds(Int(clamping: delay)), execute: body)
    }

    // MARK: - All connections, on the control queue

    /// Checks the timeouts of all connections.
    func sweep() {
        let timeouts = Timeouts(currentLimits)
        let now = Clock.now()
        let all = connections.all
        workers.withWorker { worker in
            for connection in all { connection.tick(timeouts, worker, now: now) }
            memory.relieve(all, ended: connections.ended, worker, log: log, now: now)
        }
        for listener in connections.waiting { listener.tick() }
        log.noteOmitted()
    }

    /// Ends connections whose descriptors libdispatch could not watch: without events they would never end. Returns the failures
    /// of other descriptors.
    func endUnwatched() -> [Int32: Int32] {
        // Listed before the failures are taken: a new connection may get the number of one that has just been closed.
        let all = connections.all
        var failures: [Int32: Int32] = [:]
        var code: Int32 = 0
        while case let descriptor = unsafe epoll_guard_take_failure(&code), descriptor >= 0 {
            failures[descriptor] = code
        }
        guard !failures.isEmpty else { return [:] }
        for connection in all {
            guard let code = failures.removeValue(forKey: connection.descriptor) else { continue }
            if !connection.fail(code) { epoll_guard_keep_failure(connection.descriptor, code) }
        }
        return failures
    }

    /// Puts failures back for another server in this process, for longer than the time between two of its sweeps. Then they
    /// are dropped: the descriptors are closed by now.
    func putBack(_ failures: [Int32: Int32]) {
        let now = Clock.now()
        foreignFailures.withLock { known in
            known = known.filter { failures[$0.key] != nil }
            for (descriptor, code) in failures {
                let since = known[descriptor] ?? now
                known[descriptor] = since
                if now &- since <= Self.longestSweep + 100 { epoll_guard_keep_failure(descriptor, code) }
            }
        }
    }

    /// The longest time between two sweeps.
    static var longestSweep: Milliseconds { 500 }

    /// How long until the next sweep.
    var sweepInterval: Milliseconds {
        guard connections.count > 0 else { return Self.longestSweep }
        let shortest = currentLimits.shortestTimeout?.milliseconds ?? .max
        return min(max(shortest / 8, 5), Self.longestSweep)
    }

    /// Starts the drain of these connections, and repeats it for those that were being served.
    func drain(_ connections: some Collection<Connection>) {
        let now = Clock.now()
        let left = workers.withWorker { worker in connections.filter { !$0.drain(worker, now: now) } }
        guard !left.isEmpty else { return }
        later(10) { self.drain(left) }
    }

    /// Closes these connections. Returns how many clients were cut off.
    func abort(_ connections: some Collection<Connection>) -> Int {
        workers.withWorker { worker in connections.count { $0.abort(worker) } }
    }
}
