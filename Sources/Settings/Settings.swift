// Settings: the TOML file, the command-line options that override it, the checks, and printing as TOML.
//
// It turns a path into a complete `Settings` value. It opens no socket, resolves no name and writes no log; a host is checked as
// text only.
//
// Invariants:
// - A `Settings` value of `load` or `parse` is complete and in range, and is not checked again.
// - All mistakes are reported at once, each with the file, the line, the key, what was found and what is allowed. No content of
//   a file or an option traps.
// - The model is that of the server, with defaults where the values are used. `Keys` maps the names of a file to it.
// - `Settings().toml`, `config/reversed.toml` and reversed.toml(5) agree; tests compare them.

import DispatchServer
import Logging
import ReverseCore
import Sockets

/// The settings of the daemon: the configuration of its server, and of its log.
public struct Settings: Sendable, Equatable {
    /// The configuration of the server.
    public typealias Server = ServerConfiguration<ReversalOptions, ReversalLimits>
    /// A listener of that configuration.
    public typealias Listener = ListenerConfiguration<ReversalOptions>

    /// The file that is read if the command line names none. It may be missing.
    public static let defaultPath = "/etc/reversed/reversed.toml"
    /// The values of `logLevel`, from the least to the most important.
    public static let logLevels: [Logger.Level] = [.debug, .info, .notice, .warning, .error]

    /// The configuration of the server. It has at least one listener; its options are the top level's `framing` and
    /// `unit`.
    public var server = Server(
        listeners: [Listener()],
        options: ReversalOptions(),
        sessionLimits: ReversalLimits()
    )
    /// The lowest level that is logged, one of `logLevels`.
    public var logLevel = Logger.Level.info
    /// Where the metrics go.
    public var metrics = MetricsSettings()

    /// The defaults, which are the settings of an empty file.
    public init() {}
}

extension Settings.Listener {
    /// The listener of an empty file: loopback, on the port of the original server.
    init() {
        self.init(endpoint: .internet(host: "127.0.0.1", port: 5000), options: ReversalOptions())
    }
}
