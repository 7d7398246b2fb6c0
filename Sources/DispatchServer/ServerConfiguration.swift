import Sockets

/// One address to listen on and the options of its sessions.
public struct ListenerConfiguration<Options: Hashable & Sendable>: Hashable, Sendable {
    /// A host, which may have several addresses, or the path of a Unix socket.
    public var endpoint: Endpoint
    /// Whether a listener on `::` leaves IPv4 clients alone (`IPV6_V6ONLY`, ipv6(7)).
    public var ipv6Only: Bool
    /// The permission bits of a Unix socket's file, 0 to 0o777: who may connect.
    public var mode: UInt32
    /// The options of its sessions.
    public var options: Options

    /// Describes a listener.
    public init(endpoint: Endpoint, ipv6Only: Bool = false, mode: UInt32 = 0o666, options: Options) {
        self.endpoint = endpoint
        self.ipv6Only = ipv6Only
        self.mode = mode
        self.options = options
    }
}

/// A limit that the server works out by itself unless somebody has chosen it.
public enum Choice<Value> {
    /// The server's own choice.
    case automatic
    /// This value.
    case chosen(Value)
}

extension Choice: Equatable where Value: Equatable {}
extension Choice: Sendable where Value: Sendable {}

/// The limits of a server, whatever its sessions are.
public struct Limits: Equatable, Sendable {
    /// How many clients are served at once, at least 1. More clients wait in the backlog.
    public var maximumConnections = 10_000
    /// How many of them may come from one IPv4 address or one IPv6 network (/64), at least 1. Nil: all. The server's own choice is
    /// half of the connections, but at least 4. Clients of Unix sockets are not counted.
    public var maximumConnectionsPerClient = Choice<Int?>.automatic
    /// How many bytes may be held for all clients together: incomplete requests, and answers that were not taken. Each client
    /// may hold 4 KiB in any case. The server's own choice is 256 MiB, or a quarter of what the process may have.
    public var maximumBufferedBytes = Choice<Int>.automatic
    /// How long a client may go without a complete request. Nil: without limit.
    public var idleTimeout: Duration? = .seconds(600)
    /// How long a client may take from its arrival to its first complete request. Nil: without limit.
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

/// The timeouts of a sweep, converted once for all connections.
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

/// Everything that a server is configured with; a reload brings a new value.
public struct ServerConfiguration<Options: Hashable & Sendable, SessionLimits: Equatable & Sendable>:
    Equatable, Sendable
{
    /// Where to listen.
    public var listeners: [ListenerConfiguration<Options>]
    /// The options of sessions on a socket that was handed in and that no listener describes.
    public var options: Options
    /// The limits of the server.
    public var limits = Limits()
    /// The limits of every session.
    public var sessionLimits: SessionLimits
    /// Whether the log has a line when a client connects and when it leaves.
    public var logsConnections = true

    /// Makes a configuration with the default limits.
    public init(
        listeners: [ListenerConfiguration<Options>],
        options: Options,
        sessionLimits: SessionLimits
    ) {
        self.listeners = listeners
        self.options = options
        self.sessionLimits = sessionLimits
    }
}
