import ReverseCore
import Sockets

/// What the server is told to do; a reload brings a new one.
public struct Configuration: Equatable, Sendable {
    /// One place to listen.
    public struct Listener: Hashable, Sendable {
        /// A host, which may have several addresses, or the path of a Unix socket.
        public var endpoint: Endpoint
        /// Whether `::` leaves IPv4 clients alone.
        public var ipv6Only: Bool
        /// Who may connect to a Unix socket: the permission bits of its file.
        public var mode: UInt32
        /// How requests are cut from the stream.
        public var framing: Framing
        /// What stays whole in an answer.
        public var unit: ReversalUnit

        /// Describes a place to listen.
        public init(
            endpoint: Endpoint,
            ipv6Only: Bool = false,
            mode: UInt32 = 0o666,
            framing: Framing = .line,
            unit: ReversalUnit = .character
        ) {
            self.endpoint = endpoint
            self.ipv6Only = ipv6Only
            self.mode = mode
            self.framing = framing
            self.unit = unit
        }
    }

    /// Bounds that hold for every client.
    public struct Limits: Equatable, Sendable {
        /// How many clients are served at once, at least 1; the next ones wait in the backlog.
        public var maximumConnections: Int
        /// The most bytes of a line without its terminator, at least 1.
        public var maximumLineBytes: Int
        /// How long a client may go without a complete line; nil for ever.
        public var idleTimeout: Duration?

        /// Sets the bounds.
        public init(
            maximumConnections: Int = 10_000,
            maximumLineBytes: Int = 1 << 20,
            idleTimeout: Duration? = .seconds(600)
        ) {
            self.maximumConnections = maximumConnections
            self.maximumLineBytes = maximumLineBytes
            self.idleTimeout = idleTimeout
        }
    }

    /// How clients are served on a socket that was handed in and that no listener describes.
    public var framing: Framing
    /// What stays whole in their answers.
    public var unit: ReversalUnit
    /// Where to listen.
    public var listeners: [Listener]
    /// The bounds.
    public var limits: Limits
    /// Whether a line is logged when a client connects and when it leaves.
    public var logsConnections: Bool

    /// Makes a configuration.
    public init(
        listeners: [Listener],
        framing: Framing = .line,
        unit: ReversalUnit = .character,
        limits: Limits = Limits(),
        logsConnections: Bool = true
    ) {
        self.framing = framing
        self.unit = unit
        self.listeners = listeners
        self.limits = limits
        self.logsConnections = logsConnections
    }
}
