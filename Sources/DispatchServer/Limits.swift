/// A limit that the server computes unless the program sets it.
public enum Choice<Value> {
    /// The server computes it.
    case automatic
    /// This value.
    case chosen(Value)
}

extension Choice: Equatable where Value: Equatable {}
extension Choice: Sendable where Value: Sendable {}

/// The limits of a server that do not depend on its sessions.
public struct Limits: Equatable, Sendable {
    /// How many clients are served at once, at least 1. More clients wait in the backlog.
    public var maximumConnections = 10_000
    /// How many of them one IPv4 address or one IPv6 network (/64) may have, at least 1. Nil: all. Automatic: half of
    /// `maximumConnections`, but at least 4. Clients of Unix sockets are not counted.
    public var maximumConnectionsPerClient = Choice<Int?>.automatic
    /// How many bytes may be held for all clients together: incomplete requests, and answers that they have not taken. Each
    /// client may always hold 4 KiB. Automatic: 256 MiB, or a quarter of the memory that the process may have if that is less.
    public var maximumBufferedBytes = Choice<Int>.automatic
    /// How long a client may be connected without a complete request. Nil: no limit.
    public var idleTimeout: Duration? = .seconds(600)
    /// How long a client may take to send its first complete request. Nil: no limit.
    public var firstRequestTimeout: Duration? = .seconds(30)
    /// How long clients may take to read their last answers when the server stops.
    public var drainTimeout: Duration = .seconds(10)

    /// The defaults.
    public init() {}

    /// The limit for one client; nil for none.
    var connectionsPerClient: Int? {
        switch maximumConnectionsPerClient {
        case .automatic: max(maximumConnections / 2, 4)
        case .chosen(let limit): limit
        }
    }

    /// The limit for all bytes held.
    var bufferedBytes: Int {
        switch maximumBufferedBytes {
        case .automatic: min(256 << 20, max(MemoryLimits.available() / 4, 1 << 20))
        case .chosen(let bytes): bytes
        }
    }

    /// The shortest of the timeouts that the sweep checks.
    var shortestTimeout: Duration? { [idleTimeout, firstRequestTimeout].compactMap { $0 }.min() }
}

/// The timeouts, converted once per sweep.
struct Timeouts {
    var idle: Milliseconds?
    var firstRequest: Milliseconds?
    var drain: Milliseconds

    init(_ limits: Limits) {
        idle = limits.idleTimeout?.milliseconds
        firstRequest = limits.firstRequestTimeout?.milliseconds
        drain = limits.drainTimeout.milliseconds
    }
}
