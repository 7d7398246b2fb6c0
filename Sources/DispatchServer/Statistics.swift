import Synchronization

/// What a server has done since it started.
public struct Statistics: Equatable, Sendable {
    /// Clients connected now.
    public var connections = 0
    /// Clients accepted so far.
    public var accepted: UInt64 = 0
    /// Clients refused so far because their address had as many connections as one client may have.
    public var refusedPerClient: UInt64 = 0
    /// Bytes held now for all clients: incomplete requests, and answers that were not taken.
    public var bufferedBytes = 0
    /// Clients that wait now, because no more bytes may be held.
    public var waitingForMemory = 0
    /// Clients disconnected so far so that others get memory.
    public var endedForMemory: UInt64 = 0
    /// Bytes of answers that clients had not taken when the server ended their connections.
    public var untakenBytes: UInt64 = 0
    /// How often a listener has paused because no slot was free.
    public var pauses = 0
    /// How long listeners have been paused altogether, without pauses that still last.
    public var pausedTime = Duration.zero
    /// Requests answered so far.
    public var requests: UInt64 = 0
    /// Bytes received so far.
    public var bytes: UInt64 = 0

    /// Nothing done yet.
    public init() {}
}

/// Counters that one thread adds to and others read. Each worker has its own, so that counting on many cores shares no
/// cache line.
final class Counters: Sendable {
    private let requestCount = Atomic<UInt64>(0)
    private let byteCount = Atomic<UInt64>(0)

    var requests: UInt64 { requestCount.load(ordering: .relaxed) }
    var bytes: UInt64 { byteCount.load(ordering: .relaxed) }

    func add(requests count: Int, bytes size: Int) {
        // There is one writer, so a load and a store do.
        requestCount.store(requests &+ UInt64(truncatingIfNeeded: count), ordering: .relaxed)
        byteCount.store(bytes &+ UInt64(truncatingIfNeeded: size), ordering: .relaxed)
    }
}
