import Dispatch
import Synchronization

/// Who is connected, and how many more may come.
final class Registry: Sendable {
    private struct Contents {
        var connections: [UInt64: Connection] = [:]
        /// Places taken: clients, and those that a listener is about to accept.
        var taken = 0
        var capacity: Int
        var lastNumber: UInt64 = 0
        /// Listeners that found every place taken, to be woken when one is free.
        var resting: [Listener] = []
        var isSweeping = false
        var isDraining = false
        var whenEmpty: (@Sendable () -> Void)?
    }

    let policy: Policy
    let counters = Counters()
    let log: ConnectionLog

    private let contents: Mutex<Contents>
    /// A serial queue for the sweep, never the clients' one: a sweep must come through when that is busy.
    private let queue: DispatchQueue

    init(capacity: Int, policy: Policy, log: ConnectionLog, queue: DispatchQueue) {
        self.policy = policy
        self.log = log
        self.queue = queue
        contents = Mutex(Contents(capacity: capacity))
    }

    var count: Int { contents.withLock { $0.connections.count } }
    var capacity: Int { contents.withLock { $0.capacity } }

    // MARK: - Places

    /// Takes a place for a client about to be accepted: its number, or nil when every place is taken.
    func takePlace() -> UInt64? {
        contents.withLock { contents in
            guard contents.taken < contents.capacity else { return nil }
            contents.taken += 1
            contents.lastNumber += 1
            return contents.lastNumber
        }
    }

    /// Promises to wake a listener when a place is free; false if one is free already. Called with the listener's
    /// lock held, which the wake-up takes, so that it cannot come before the rest.
    func wakeLater(_ listener: Listener) -> Bool {
        contents.withLock { contents in
            guard contents.taken >= contents.capacity else { return false }
            contents.resting.append(listener)
            return true
        }
    }

    /// Gives back a place that no client came to take.
    func giveBackPlace() {
        freePlace { _ in }
    }

    /// Enters a client; true if the server is stopping, and the caller must tell the connection once it has started.
    func add(_ connection: Connection) -> Bool {
        counters.accepted.wrappingAdd(1, ordering: .relaxed)
        let (mustSweep, isDraining) = contents.withLock { contents in
            contents.connections[connection.number] = connection
            defer { contents.isSweeping = true }
            return (!contents.isSweeping, contents.isDraining)
        }
        if mustSweep { scheduleSweep() }
        return isDraining
    }

    /// Called once the connection's descriptor is closed.
    func remove(_ connection: Connection) {
        freePlace { $0.connections[connection.number] = nil }
    }

    func setCapacity(_ capacity: Int) {
        wake(
            contents.withLock { contents in
                contents.capacity = capacity
                return Self.awakened(&contents)
            }
        )
    }

    private func freePlace(_ change: (inout Contents) -> Void) {
        let (listeners, whenEmpty) = contents.withLock { contents in
            change(&contents)
            contents.taken -= 1
            let listeners = Self.awakened(&contents)
            guard contents.taken == 0 else { return (listeners, nil as (@Sendable () -> Void)?) }
            defer { contents.whenEmpty = nil }
            return (listeners, contents.whenEmpty)
        }
        wake(listeners)
        whenEmpty?()
    }

    private static func awakened(_ contents: inout Contents) -> [Listener] {
        guard contents.taken < contents.capacity, !contents.resting.isEmpty else { return [] }
        defer { contents.resting = [] }
        return contents.resting
    }

    private func wake(_ listeners: [Listener]) {
        for listener in listeners { listener.wake() }
    }

    // MARK: - All connections

    /// Tells every connection, and every one that is added from now on, to stop after what has arrived.
    func drain() {
        let connections = contents.withLock { contents in
            contents.isDraining = true
            return Array(contents.connections.values)
        }
        for connection in connections { connection.drain() }
    }

    /// Calls `body` once, when nobody is connected and nobody is being accepted.
    func whenEmpty(_ body: @escaping @Sendable () -> Void) {
        let isEmpty = contents.withLock { contents in
            if contents.taken > 0 { contents.whenEmpty = body }
            return contents.taken == 0
        }
        if isEmpty { body() }
    }

    /// Closes every connection at once; how many conversations that cut off.
    func abortAll() -> Int {
        all().count { $0.abort() }
    }

    private func all() -> [Connection] {
        contents.withLock { Array($0.connections.values) }
    }

    /// Does something on the registry's queue after a while.
    func later(_ delay: Milliseconds, _ action: @escaping @Sendable () -> Void) {
        queue.asyncAfter(deadline: .now() + .milliseconds(Int(clamping: delay)), execute: action)
    }

    /// One sweep serves all timeouts; it goes on while anyone is connected.
    private func scheduleSweep() {
        let idleTimeout = policy.idleTimeout.load(ordering: .relaxed)
        let interval = idleTimeout == 0 ? 500 : min(max(idleTimeout / 8, 5), 500)
        later(interval) { [weak self] in self?.sweep() }
    }

    private func sweep() {
        let idleTimeout = policy.idleTimeout.load(ordering: .relaxed)
        let now = Clock.now()
        for connection in all() { connection.sweep(now: now, idleTimeout: idleTimeout) }
        let goesOn = contents.withLock { contents in
            contents.isSweeping = !contents.connections.isEmpty
            return contents.isSweeping
        }
        if goesOn { scheduleSweep() }
    }
}
