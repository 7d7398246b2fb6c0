import DispatchServer
import ReverseCore
import Sockets

/// Every key of a settings file. Reading, checking, printing and the tests of the documents all use this table. A new key is a
/// line here and a property of the model with its default. A reload can change every key.
enum Keys {
    static let host = Key<Settings.Listener>("host", \.host, .host, "Where to listen")

    /// Where to listen: at the top level, or in `[[listener]]`.
    static let address: [Key<Settings.Listener>] = [
        host,
        Key("port", \.port, .wholeNumber(0...65535), "The TCP port"),
        Key(
            "ipv6_only",
            \.ipv6OnlyOfInternet,
            .boolean,
            "Whether a listener on IPv6 accepts IPv6 clients only"
        ),
    ]

    /// Where to listen, in `[[listener]]` only.
    static let socketFile: [Key<Settings.Listener>] = [
        Key("path", \.path, .path, "A Unix socket"),
        Key("mode", \.modeOfFile, .mode, "who may connect"),
    ]

    /// How clients are answered: in `[[listener]]`, or at the top level for all listeners that do not set it.
    static let options: [Key<Settings.Listener>] = [
        Key("framing", \.options.framing, .word(Framing.allCases), "What a request is"),
        Key("unit", \.options.unit, .word(ReversalUnit.allCases), "The unit of reversal"),
        Key(
            "proxy_protocol",
            \.proxyProtocol.isExpected,
            .boolean,
            "Whether clients connect through a load balancer that sends their addresses"
        ),
        Key("trusted", \.proxyProtocol.trusted, .networks, "The networks of the load balancers"),
    ]

    static let limits: [Key<Settings>] = [
        Key(
            "max_connections",
            \.server.limits.maximumConnections,
            .wholeNumber(1...1_000_000),
            "How many clients are served at once"
        ),
        Key(
            "max_connections_per_client",
            \.server.limits.maximumConnectionsPerClient,
            Notation.wholeNumber(1...1_000_000).orZero(for: "no limit").orAutomatic,
            "How many of them one client may have"
        ),
        Key(
            "max_line_bytes",
            \.server.sessionLimits.maximumLineBytes,
            .size(1...(1 << 30)),
            "The longest line"
        ),
        Key(
            "max_buffered_bytes",
            \.server.limits.maximumBufferedBytes,
            Notation.size((1 << 20)...(1 << 40)).orAutomatic,
            "How many bytes may be held for all clients together"
        ),
        Key(
            "idle_timeout",
            \.server.limits.idleTimeout,
            Notation.duration(.milliseconds(1)...(.seconds(8760 * 3600))).orZero(for: "never"),
            "A client that has sent no complete line for this long is disconnected"
        ),
        Key(
            "first_line_timeout",
            \.server.limits.firstRequestTimeout,
            Notation.duration(.milliseconds(1)...(.seconds(8760 * 3600))).orZero(for: "never"),
            "A client that has not sent its first complete line this long after it connected is disconnected"
        ),
        Key(
            "drain_timeout",
            \.server.limits.drainTimeout,
            .duration(.milliseconds(1)...(.seconds(24 * 3600))),
            "How long clients may take to read their last answers when the daemon stops"
        ),
    ]

    static let restart: [Key<Settings>] = [
        Key(
            "hand_over",
            \.server.isHandedOver,
            .boolean,
            "Whether connections and listening sockets survive a restart of the service"
        )
    ]

    static let log: [Key<Settings>] = [
        Key("level", \.logLevel, .word(Settings.logLevels), "The lowest level of messages that are logged"),
        Key(
            "connections",
            \.server.logsConnections,
            .boolean,
            "Whether to log when a client connects and disconnects"
        ),
    ]

    static let metrics: [Key<Settings>] = [
        Key(
            "listen",
            \.metrics.endpoint,
            Notation<Endpoint>.endpoint.orEmpty(for: "nowhere"),
            "The address of an HTTP server"
        ),
        Key("mode", \.metrics.mode, .mode, "who may connect"),
        Key(
            "file",
            \.metrics.file,
            Notation<String>.filePath.orEmpty(for: "none"),
            "A file for node_exporter"
        ),
        Key(
            "interval",
            \.metrics.interval,
            .duration(.seconds(1)...(.seconds(3600))),
            "How often the file is written"
        ),
    ]
}

extension Settings {
    /// The name of a limit in a file, such as `limits.max_connections`.
    public static func name(of limit: PartialKeyPath<Limits>) -> String {
        let part = (\Settings.server.limits as AnyKeyPath).appending(path: limit)
        return Keys.limits.first { $0.part == part }.map { "\(Section.limits.rawValue).\($0.name)" }
            ?? "a limit"
    }
}

/// The properties that only some listeners have.
extension Settings.Listener {
    fileprivate var host: String? {
        get { if case .internet(let host, _) = endpoint { host } else { nil } }
        set {
            if case .internet(_, let port) = endpoint, let newValue {
                endpoint = .internet(host: newValue, port: port)
            }
        }
    }

    fileprivate var port: UInt16? {
        get { if case .internet(_, let port) = endpoint { port } else { nil } }
        set {
            if case .internet(let host, _) = endpoint, let newValue {
                endpoint = .internet(host: host, port: newValue)
            }
        }
    }

    fileprivate var ipv6OnlyOfInternet: Bool? {
        get { if case .internet = endpoint { ipv6Only } else { nil } }
        set { ipv6Only = newValue ?? ipv6Only }
    }

    fileprivate var path: String? {
        get { if case .unix(let path) = endpoint { path } else { nil } }
        set { if let newValue { endpoint = .unix(path: newValue) } }
    }

    fileprivate var modeOfFile: UInt32? {
        get { if case .unix = endpoint { mode } else { nil } }
        set { mode = newValue ?? mode }
    }
}

/// The tables of a settings file.
enum Section: String, CaseIterable {
    case top = ""
    case limits
    case restart
    case log
    case metrics
    case listener

    /// The keys in the order of the shipped file and of `--print-config`.
    var keys: [String] {
        switch self {
        case .top: (Keys.address + Keys.options).map(\.name)
        case .limits: Keys.limits.map(\.name)
        case .restart: Keys.restart.map(\.name)
        case .log: Keys.log.map(\.name)
        case .metrics: Keys.metrics.map(\.name)
        case .listener: (Keys.address + Keys.socketFile + Keys.options).map(\.name)
        }
    }

    /// The allowed keys, including tables.
    var names: [String] {
        self == .top ? keys + Section.allCases.map(\.rawValue).filter { !$0.isEmpty } : keys
    }

    /// Its header, to name the table in a message.
    var header: String {
        switch self {
        case .top: "the top level, above every [table]"
        case .limits, .restart, .log, .metrics: "[\(rawValue)]"
        case .listener: "[[\(rawValue)]]"
        }
    }
}
