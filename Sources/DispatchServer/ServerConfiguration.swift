import Sockets

/// One address to listen on and the options of its sessions.
public struct ListenerConfiguration<Options: Hashable & Sendable>: Hashable, Sendable {
    /// A host, which may have several addresses, or the path of a Unix socket.
    public var endpoint: Endpoint
    /// Whether a listener on `::` accepts IPv6 clients only (`IPV6_V6ONLY`, ipv6(7)).
    public var ipv6Only: Bool
    /// The permission bits of a Unix socket's file, 0 to 0o777: who may connect.
    public var mode: UInt32
    /// Whether clients connect through a load balancer that sends a PROXY header.
    public var proxyProtocol: ProxyProtocol
    /// The options of its sessions.
    public var options: Options

    /// Describes a listener.
    public init(
        endpoint: Endpoint,
        ipv6Only: Bool = false,
        mode: UInt32 = 0o666,
        proxyProtocol: ProxyProtocol = ProxyProtocol(),
        options: Options
    ) {
        self.endpoint = endpoint
        self.ipv6Only = ipv6Only
        self.mode = mode
        self.proxyProtocol = proxyProtocol
        self.options = options
    }
}

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

/// The configuration of a server. A reload replaces it.
public struct ServerConfiguration<Options: Hashable & Sendable, SessionLimits: Equatable & Sendable>:
    Equatable, Sendable
{
    /// Where to listen.
    public var listeners: [ListenerConfiguration<Options>]
    /// The options of sessions on a socket that was handed in and that no listener describes.
    public var options: Options
    /// The PROXY protocol on such a socket.
    public var proxyProtocol = ProxyProtocol()
    /// The limits of the server.
    public var limits = Limits()
    /// The limits of every session.
    public var sessionLimits: SessionLimits
    /// Whether to log when a client connects and disconnects.
    public var logsConnections = true

    /// Whether to hand connections and listening sockets over to the next process, if there is a store for them.
    public var isHandedOver = true

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

extension ServerConfiguration where Options == NoOptions, SessionLimits == NoOptions {
    /// Makes a configuration with the default limits, for sessions that have neither options nor limits.
    ///
    /// - Parameter endpoints: Where to listen.
    public init(endpoints: [Endpoint]) {
        self.init(
            listeners: endpoints.map { ListenerConfiguration(endpoint: $0, options: NoOptions()) },
            options: NoOptions(),
            sessionLimits: NoOptions()
        )
    }
}
