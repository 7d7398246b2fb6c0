import Dispatch
import Synchronization

/// Who is connected, and how many more may come.
final class Connections: Sendable {
    private struct Contents {
        var connections: [UInt64: Connection] = [:]
        /// Slots in use: by clients, and by an accept that is under way.
        var slotsInUse = 0
        var capacity: Int
        var clients = ClientCounts()
        var accepted: UInt64 = 0
        var refused: UInt64 = 0
        var ended: UInt64 = 0
        /// Ended connections by the name of the reason.
        var ends: [String: UInt64] = [:]
        var untakenBytes: UInt64 = 0
        var pauses = 0
        var pausedTime: Milliseconds = 0
        /// The sum of the times at which the waiting listeners began to wait.
        var waitingSince: Milliseconds = 0
        /// Listeners that found no free slot.
        var waiting: [Listener] = []
        var isDraining = false
        var whenEmpty: (@Sendable () -> Void)?
    }

    private let contents: Mutex<Contents>
    private let queue: DispatchQueue

    /// - Parameter queue: Where listeners learn that a slot is free.
    init(capacity: Int, queue: DispatchQueue) {
        contents = Mutex(Contents(capacity: capacity))
        self.queue = queue
    }

    var count: Int { contents.withLock { $0.connections.count } }
    var capacity: Int { contents.withLock { $0.capacity } }
    var accepted: UInt64 { contents.withLock { $0.accepted } }
    /// How many clients were refused because they had as many connections as one client may.
    var refused: UInt64 { contents.withLock { $0.refused } }
    /// How many connections have ended.
    var ended: UInt64 { contents.withLock { $0.ended } }
    /// How often listeners have paused because no slot was free, and for how long altogether, those that wait now included.
    var pauses: (count: Int, time: Milliseconds) {
        contents.withLock { contents in
            let now = Clock.now() &* Milliseconds(contents.waiting.count)
            return (
                contents.pauses,
                contents.pausedTime &+ (now > contents.waitingSince ? now &- contents.waitingSince : 0)
            )
        }
    }
    /// How many connections have ended, by the name of the reason.
    var ends: [String: UInt64] { contents.withLock { $0.ends } }
    var untakenBytes: UInt64 { contents.withLock { $0.untakenBytes } }
    var isDraining: Bool { contents.withLock { $0.isDraining } }
    var all: [Connection] { contents.withLock { Array($0.connections.values) } }
    /// The listeners that wait for a free slot.
    var waiting: [Listener] { contents.withLock { $0.waiting } }

    // MARK: - Slots

    /// Takes a slot for a client that is about to be accepted; false when there is none.
    func acquireSlot() -> Bool {
        contents.withLock { contents in
            guard contents.slotsInUse < contents.capacity else { return false }
            contents.slotsInUse += 1
            return true
        }
    }

    /// Gives back a slot for which no client was accepted.
    func releaseSlot() { freeSlot { _ in } }

    /// Calls `slotIsFree` on the listener once a slot is free; false if one is free already. Called with the listener's
    /// lock held, which `slotIsFree` takes, so it cannot come too early.
    func awaitSlot(_ listener: Listener) -> Bool {
        contents.withLock { contents in
            guard contents.slotsInUse >= contents.capacity else { return false }
            contents.waiting.append(listener)
            contents.waitingSince &+= Clock.now()
            contents.pauses += 1
            return true
        }
    }

    /// A listener that waited for a slot accepts again.
    func addPausedTime(_ time: Milliseconds) { contents.withLock { $0.pausedTime += time } }

    /// - Parameter perClient: The most slots that one client may have; nil for all.
    func setCapacity(_ capacity: Int, perClient: Int? = nil) {
        wake(
            contents.withLock { contents in
                contents.capacity = capacity
                contents.clients.limit = perClient
                return Self.takeWaiting(&contents)
            }
        )
    }

    // MARK: - Clients

    /// Counts a connection of this client, once its address is known; false when the client has as many as it may, and
    /// then the connection is to be refused. What was entered must leave again, by `remove` or by `leave`.
    func enter(_ client: ClientKey) -> Bool {
        contents.withLock { contents in
            let isEntered = contents.clients.enter(client)
            if !isEntered { contents.refused += 1 }
            return isEntered
        }
    }

    /// Counts a connection of this client no longer.
    func leave(_ client: ClientKey) { contents.withLock { $0.clients.leave(client) } }

    /// The number of the next client that was accepted.
    func takeNumber() -> UInt64 {
        contents.withLock { contents in
            contents.accepted += 1
            return contents.accepted
        }
    }

    /// Enters a client that has a slot.
    func add(_ connection: Connection) {
        contents.withLock { $0.connections[connection.number] = connection }
    }

    /// Counts the end of a connection, whose slot is in use until it is removed.
    func countEnd(_ reason: String) { contents.withLock { $0.ends[reason, default: 0] += 1 } }

    /// To be called once the connection's descriptor is closed.
    ///
    /// - Parameter client: Whom it was entered for, if it was.
    func remove(_ connection: Connection, client: ClientKey?) {
        freeSlot {
            $0.connections[connection.number] = nil
            if let client { $0.clients.leave(client) }
            $0.ended += 1
        }
    }

    func addUntaken(_ bytes: Int) { contents.withLock { $0.untakenBytes += UInt64(clamping: bytes) } }

    private func freeSlot(_ change: (inout Contents) -> Void) {
        let (listeners, whenEmpty) = contents.withLock {
            contents -> ([Listener], (@Sendable () -> Void)?) in
            change(&contents)
            contents.slotsInUse -= 1
            let listeners = Self.takeWaiting(&contents)
            guard contents.slotsInUse == 0 else { return (listeners, nil) }
            defer { contents.whenEmpty = nil }
            return (listeners, contents.whenEmpty)
        }
        wake(listeners)
        whenEmpty?()
    }

    /// Not at once: a listener that gives a slot back holds its own lock, and must not wait for another listener's.
    private func wake(_ listeners: [Listener]) {
        for listener in listeners { queue.async { listener.slotIsFree() } }
    }

    private static func takeWaiting(_ contents: inout Contents) -> [Listener] {
        guard contents.slotsInUse < contents.capacity, !contents.waiting.isEmpty else { return [] }
        defer {
            contents.waiting = []
            contents.waitingSince = 0
        }
        return contents.waiting
    }

    // MARK: - Draining

    func beginDrain() { contents.withLock { $0.isDraining = true } }

    /// Calls `body` once, when nobody is connected and nobody is being accepted. Listeners that still wait for a slot do not
    /// count: to be called when all are closed.
    func whenEmpty(_ body: @escaping @Sendable () -> Void) {
        let isEmpty = contents.withLock { contents in
            if contents.slotsInUse > 0 { contents.whenEmpty = body }
            return contents.slotsInUse == 0
        }
        if isEmpty { body() }
    }
}
