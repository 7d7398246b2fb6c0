// Settings: the TOML file, the flags over it, the checks, and the way back to TOML.
//
// Here is everything between a path and a `Settings` value that the daemon can act on without asking again.
// Nothing here opens a socket, resolves a name or writes a log: a host is checked as text only.
//
// What must stay true:
// - A `Settings` value that came out of `load` or `parse` is complete and in range; nobody who holds one checks it again.
// - All mistakes are reported at once, each with the file, the line, the key, what was found and what is allowed.
//   Nothing that a file or a flag may say traps.
// - The model is that of the server, each value with its default where it is used; `Keys` says how a file names it.
// - `Settings().toml`, `config/reversed.toml` and reversed.toml(5) say the same; tests hold them together.

import DispatchServer
import Logging
import ReverseCore
import Sockets

/// What the daemon is set to: the configuration of its server, what it logs, and where its metrics go.
public struct Settings: Sendable, Equatable {
    /// What the server takes.
    public typealias Server = ServerConfiguration<ReversalOptions, ReversalLimits>
    /// One listener of it.
    public typealias Listener = ListenerConfiguration<ReversalOptions>

    /// The file that is read when the command line names none. It may be missing.
    public static let defaultPath = "/etc/reversed/reversed.toml"
    /// The levels that `logLevel` may have, from the least to the most important.
    public static let logLevels: [Logger.Level] = [.debug, .info, .notice, .warning, .error]

    /// The configuration of the server. It has at least one listener; its options are the top level's `framing` and
    /// `unit`.
    public var server = Server(
        listeners: [Listener()],
        options: ReversalOptions(),
        sessionLimits: ReversalLimits()
    )
    /// The least important level that is logged, one of `logLevels`.
    public var logLevel = Logger.Level.info
    /// Where the metrics go.
    public var metrics = MetricsSettings()

    /// The defaults: what an empty file means.
    public init() {}
}

extension Settings.Listener {
    /// The listener of an empty file: only this machine is served, on the port of the original server.
    init() {
        self.init(endpoint: .internet(host: "127.0.0.1", port: 5000), options: ReversalOptions())
    }
}
