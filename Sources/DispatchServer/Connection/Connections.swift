import Dispatch
import Synchronization

/// The connections of a server, and its free slots.
final class Connections: Sendable {
    private struct Contents {
        var connections: [UInt64: Connection] = [:]
        /// Slots in use: by connections, and by accepts in progress.
        var slotsInUse = 0
        var capacity: Int
        var clients = ClientCounts()
        var accepted: UInt64 = 0
        /// The highest number of a connection, in this process or the previous one.
        var lastNumber: UInt64 = 0
        var refused: UInt64 = 0
        var ended: UInt64 = 0
        var proxyHeaderFailures: [ProxyHeaderFailure: UInt64] = [:]
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

        /// Adds a connection that has no slot yet, even if none is free.
        mutating func insert(_ connection: Connection) {
            connections[connection.number] = connection
            slotsInUse += 1
            if let client = connection.key { clients.count(client) }
        }
    }

    private let contents: Mutex<Contents>
    private let queue: DispatchQueue

    /// - Parameter queue: Runs `slotIsFree` of waiting listeners.
    init(capacity: Int, queue: DispatchQueue) {
        contents = Mutex(Contents(capacity: capacity))
        self.queue = queue
    }

    var count: Int { contents.withLock { $0.connections.count } }
    var capacity: Int { contents.withLock { $0.capacity } }
    var accepted: UInt64 { contents.withLock { $0.accepted } }
    /// How many clients were refused because of the limit for one client.
    var refused: UInt64 { contents.withLock { $0.refused } }
    /// How many connections have ended.
    var ended: UInt64 { contents.withLock { $0.ended } }
    /// How many connections were closed for their PROXY header, by what was wrong with it.
    var proxyHeaderFailures: [ProxyHeaderFailure: UInt64] { contents.withLock { $0.proxyHeaderFailures } }
    /// How often listeners have paused because no slot was free, and for how long in total, current pauses included.
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
    /// How many bytes of answers were unacknowledged when the server ended the connections.
    var untakenBytes: UInt64 { contents.withLock { $0.untakenBytes } }
    var isDraining: Bool { contents.withLock { $0.isDraining } }
    /// As they are now. Not an array: to copy many references takes as long as to check the timeouts of the connections.
    var all: Dictionary<UInt64, Connection>.Values { contents.withLock { $0.connections.values } }
    /// The listeners that wait for a free slot.
    var waiting: [Listener] { contents.withLock { $0.waiting } }

    // MARK: - Slots

    /// Acquires a slot for a client that is about to be accepted. False if none is free.
    func acquireSlot() -> Bool {
        contents.withLock { contents in
            guard contents.slotsInUse < contents.capacity else { return false }
            contents.slotsInUse += 1
            return true
        }
    }

    /// Releases a slot for which no client was accepted.
    func releaseSlot() { freeSlot { _ in } }

    /// Calls `slotIsFree` on the listener once a slot is free. False, without a call, if one is free already. Called with the
    /// listener's lock held; `slotIsFree` takes that lock, so it cannot run too early.
    func awaitSlot(_ listener: Listener) -> Bool {
        contents.withLock { contents in
            guard contents.slotsInUse >= contents.capacity else { return false }
            contents.waiting.append(listener)
            contents.waitingSince &+= Clock.now()
            contents.pauses += 1
            return true
        }
    }

    /// Counts the length of a pause that has ended.
    func addPausedTime(_ time: Milliseconds) { contents.withLock { $0.pausedTime += time } }

    /// - Parameter perClient: How many slots one client may have; nil for all.
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

    /// Counts a connection of this client. False if the client is at its limit; then refuse the connection. Otherwise call
    /// `remove` or `leave` at its end.
    func enter(_ client: ClientKey) -> Bool {
        contents.withLock { contents in
            let isEntered = contents.clients.enter(client)
            if !isEntered { contents.refused += 1 }
            return isEntered
        }
    }

    /// Stops counting a connection of this client.
    func leave(_ client: ClientKey) { contents.withLock { $0.clients.leave(client) } }

    /// Returns the number of a new connection.
    ///
    /// - Parameter isAccepted: Whether to count an accepted client.
    func takeNumber(isAccepted: Bool = true) -> UInt64 {
        contents.withLock { contents in
            if isAccepted { contents.accepted += 1 }
            contents.lastNumber &+= 1
            return contents.lastNumber
        }
    }

    var lastNumber: UInt64 { contents.withLock { $0.lastNumber } }

    /// Adds a connection that has a slot.
    func add(_ connection: Connection) {
        contents.withLock { $0.connections[connection.number] = connection }
    }

    /// Adds a connection of the previous process, even without a free slot. False if its number is taken.
    func takeOver(_ connection: Connection) -> Bool {
        contents.withLock { contents in
            guard contents.connections[connection.number] == nil else { return false }
            contents.insert(connection)
            contents.lastNumber = max(contents.lastNumber, connection.number)
            return true
        }
    }

    /// Makes all later numbers higher than this one.
    func raiseNumber(to number: UInt64) {
        contents.withLock { $0.lastNumber = max($0.lastNumber, number) }
    }

    /// Removes connections that were handed over, and stops counting them.
    func setAside(_ connections: [Connection]) {
        change { contents in
            for connection in connections
            where contents.connections.removeValue(forKey: connection.number) != nil {
                contents.slotsInUse -= 1
                if let client = connection.key { contents.clients.leave(client) }
            }
        }
    }

    /// Adds connections again that were set aside.
    func putBack(_ connections: [Connection]) {
        contents.withLock { contents in
            for connection in connections { contents.insert(connection) }
        }
    }

    /// Counts a connection that is closed for its PROXY header.
    func count(_ failure: ProxyHeaderFailure) {
        contents.withLock { $0.proxyHeaderFailures[failure, default: 0] += 1 }
    }

    /// Counts the end of a connection. Its slot stays in use until `remove`.
    ///
    /// - Parameter untaken: How many bytes of answers were unacknowledged.
    func countEnd(_ reason: EndReason, untaken: Int) {
        contents.withLock { contents in
            contents.ends[reason.name, default: 0] += 1
            contents.untakenBytes += UInt64(clamping: untaken)
            if case .proxyHeader(let failure) = reason {
                contents.proxyHeaderFailures[failure, default: 0] += 1
            }
        }
    }

    /// Removes a connection whose descriptor is closed.
    ///
    /// - Parameter client: The client that it counted for, if any.
    func remove(_ connection: Connection, client: ClientKey?) {
        freeSlot {
            $0.connections[connection.number] = nil
            if let client { $0.clients.leave(client) }
            $0.ended += 1
        }
    }

    private func freeSlot(_ body: (inout Contents) -> Void) {
        change {
            body(&$0)
            $0.slotsInUse -= 1
        }
    }

    /// Makes a change that may free slots, and wakes waiting listeners.
    private func change(_ body: (inout Contents) -> Void) {
        let (listeners, whenEmpty) = contents.withLock {
            contents -> ([Listener], (@Sendable () -> Void)?) in
            body(&contents)
            let listeners = Self.takeWaiting(&contents)
            guard contents.slotsInUse == 0 else { return (listeners, nil) }
            defer { contents.whenEmpty = nil }
            return (listeners, contents.whenEmpty)
        }
        wake(listeners)
        whenEmpty?()
    }

    /// Asynchronously: a listener that releases a slot holds its own lock, and must not wait for that of another listener.
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

    /// Calls `body` once, when there are no connections and no accepts in progress. Call it when all listeners are closed: those
    /// that wait for a slot do not count.
    func whenEmpty(_ body: @escaping @Sendable () -> Void) {
        let isEmpty = contents.withLock { contents in
            if contents.slotsInUse > 0 { contents.whenEmpty = body }
            return contents.slotsInUse == 0
        }
        if isEmpty { body() }
    }
}
