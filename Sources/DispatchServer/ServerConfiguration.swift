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
