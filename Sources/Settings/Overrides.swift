import Logging

/// What the command line says over the file. A flag that was not given is `nil`.
///
/// `host` and `port` each replace the file's key of the same name. Where the file has `[[listener]]`, either of
/// them replaces all of those by one listener, made of the flags and the defaults, with the file's top-level
/// `framing` and `unit`: a host or a port on the command line means exactly there and nowhere else.
/// The file's `ipv6_only` stays, unless the host of the flag is an IPv4 address.
public struct Overrides: Sendable, Equatable {
    /// `--host`: an address or a name, checked as the file's `host` is.
    public var host: String?
    /// `--port`: 0 for any free port.
    public var port: UInt16?
    /// `--log-level`.
    public var logLevel: Logger.Level?

    /// The flags that were given.
    public init(host: String? = nil, port: UInt16? = nil, logLevel: Logger.Level? = nil) {
        self.host = host
        self.port = port
        self.logLevel = logLevel
    }
}
