import Logging

/// The options of the command line that override the file. An option that was not given is nil.
///
/// `host` and `port` each replace the file's key of the same name. If the file has `[[listener]]` tables, either option replaces
/// all of them by one listener, made of the options and the defaults, with the file's top-level `framing` and `unit`. The
/// file's `ipv6_only` stays, unless the host of the option is an IPv4 address.
public struct Overrides: Sendable, Equatable {
    /// `--host`: an address or a name, checked like the file's `host`.
    public var host: String?
    /// `--port`: 0 for any free port.
    public var port: UInt16?
    /// `--log-level`.
    public var logLevel: Logger.Level?

    /// Creates overrides.
    public init(host: String? = nil, port: UInt16? = nil, logLevel: Logger.Level? = nil) {
        self.host = host
        self.port = port
        self.logLevel = logLevel
    }
}
