// What a person may set: the TOML file, the flags over it, the checks, and the way back to TOML.
//
// Here lives everything between a path and a `Settings` value that the daemon can act on without asking again.
// Nothing here opens a socket, resolves a name or writes a log: a host is checked as text only.
//
// What must stay true:
// - A `Settings` value that came out of `load` or `parse` is complete and in range; whoever holds one checks nothing.
// - All mistakes are told at once, each with the file, the line when it is known for certain, the key, what
//   was found and what is allowed. Nothing that a file or a flag may say traps.
// - `Settings().toml`, `config/reversed.toml` and reversed.toml(5) say the same; tests hold them together.

import Logging
import ReverseCore
import Sockets

/// Where the daemon listens, what it answers, what it allows, and what it logs.
public struct Settings: Sendable, Equatable {
    /// Where `reversed` looks when it is not told otherwise. It may be missing.
    public static let defaultPath = "/etc/reversed/reversed.toml"

    /// Where to listen. Never empty; without `[[listener]]` in the file it is the one made of `host` and `port`.
    public var listeners = [Listener()]
    /// How a stream is cut into requests where no listener says otherwise: the top-level `framing`.
    /// Sockets handed over by systemd use it.
    public var framing = Framing.line
    /// What stays whole where no listener says otherwise: the top-level `unit`.
    /// Sockets handed over by systemd use it.
    public var unit = ReversalUnit.character
    /// What a client, and all clients together, may take.
    public var limits = Limits()
    /// What is logged.
    public var log = Log()

    /// The defaults: what an empty file means.
    public init() {}
}

extension Settings {
    /// One listener, and how its clients are answered.
    public struct Listener: Sendable, Equatable {
        /// Where to listen, checked as text but not resolved; port 0 means any free port, and a path is absolute. By
        /// default only this machine is served, on the port of the original server.
        public var endpoint = Endpoint.internet(host: "127.0.0.1", port: 5000)
        /// How the streams of this listener are cut into requests.
        public var framing = Framing.line
        /// What stays whole when a line of this listener is reversed.
        public var unit = ReversalUnit.character
        /// `IPV6_V6ONLY` of ipv6(7): an IPv6 socket takes no IPv4 clients. Without it `::` listens for both.
        /// It means nothing for an IPv4 address and for a Unix socket, and is false there.
        public var ipv6Only = false
        /// The permission bits of a Unix socket's file, 0 to 0o777: by default anybody on this machine may connect, as to
        /// a port of 127.0.0.1. It means nothing for the Internet.
        public var mode: UInt32 = 0o666

        /// The defaults.
        public init() {}
    }

    /// What a client, and all clients together, may take: the table `[limits]`.
    public struct Limits: Sendable, Equatable {
        /// How many clients are served at once; more wait in the backlog. 1 to 1,000,000.
        public var maximumConnections = 10_000
        /// The longest line in bytes, without its terminator. 1 to 1 GiB.
        public var maximumLineBytes = 1 << 20
        /// A client that has sent no complete line for this long is disconnected; `nil` never.
        /// 1 ms to 8,760 h.
        public var idleTimeout: Duration? = .seconds(600)
        /// How long clients may take to read their last answers when the daemon stops. 1 ms to 24 h.
        public var drainTimeout: Duration = .seconds(10)

        /// The defaults.
        public init() {}
    }

    /// What is logged: the table `[log]`.
    public struct Log: Sendable, Equatable {
        /// The levels that may be chosen, from the least to the most important.
        public static let levels: [Logger.Level] = [.debug, .info, .notice, .warning, .error]

        /// The least important level that is still logged, one of `levels`.
        public var level = Logger.Level.info
        /// Whether there is a line when a client connects and when it leaves.
        public var connections = true

        /// The defaults.
        public init() {}
    }
}
