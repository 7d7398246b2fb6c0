import Synchronization

/// What the server has done since it started.
public struct Statistics: Equatable, Sendable {
    /// Clients connected now.
    public var connections = 0
    /// Clients accepted so far.
    public var accepted: UInt64 = 0
    /// Requests answered so far: lines, or chunks.
    public var requests: UInt64 = 0
    /// Bytes received so far.
    public var bytes: UInt64 = 0

    /// Nothing done yet.
    public init() {}
}

/// The counters behind `Statistics`, added to by every handler.
final class Counters: Sendable {
    let accepted = Atomic<UInt64>(0)
    let requests = Atomic<UInt64>(0)
    let bytes = Atomic<UInt64>(0)

    func add(requests count: Int, bytes size: Int) {
        requests.wrappingAdd(UInt64(truncatingIfNeeded: count), ordering: .relaxed)
        bytes.wrappingAdd(UInt64(truncatingIfNeeded: size), ordering: .relaxed)
    }
}

/// The settings that handlers read at every event, changed by a reload while they run.
final class Policy: Sendable {
    let maximumLineBytes: Atomic<Int>
    let idleTimeout: Atomic<Milliseconds>  // 0: never
    let logsConnections: Atomic<Bool>

    init(_ configuration: Configuration) {
        maximumLineBytes = Atomic(configuration.limits.maximumLineBytes)
        idleTimeout = Atomic(configuration.limits.idleTimeout?.milliseconds ?? 0)
        logsConnections = Atomic(configuration.logsConnections)
    }

    func apply(_ configuration: Configuration) {
        maximumLineBytes.store(configuration.limits.maximumLineBytes, ordering: .relaxed)
        idleTimeout.store(configuration.limits.idleTimeout?.milliseconds ?? 0, ordering: .relaxed)
        logsConnections.store(configuration.logsConnections, ordering: .relaxed)
    }
}
