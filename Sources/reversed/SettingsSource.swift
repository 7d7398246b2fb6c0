import DispatchServer
import Glibc
import ReverseCore
import Settings
import Sockets

/// Where the settings come from, at the start and again at every reload.
struct SettingsSource: Sendable {
    /// The file named on the command line; nil for the default one, which may be missing.
    let path: String?
    let overrides: Overrides

    /// The file that is read; nil where there is none and the defaults hold.
    var file: String? {
        if let path { return path }
        return access(Settings.defaultPath, F_OK) == 0 ? Settings.defaultPath : nil
    }

    /// Whether these are the settings of the service, and not those of a process that somebody starts by hand.
    var isForService: Bool {
        [nil, Settings.defaultPath].contains(path) && overrides == Overrides()
    }

    /// - Throws: `SettingsError` with every mistake.
    func load() throws(SettingsError) -> Settings {
        try Settings.load(path: path ?? Settings.defaultPath, mayBeMissing: path == nil, overrides: overrides)
    }
}

extension Server<ReversalSession>.Configuration {
    /// What the server makes of the settings.
    init(_ settings: Settings) {
        self.init(
            listeners: settings.listeners.map(ListenerConfiguration.init),
            options: ReversalOptions(framing: settings.framing, unit: settings.unit),
            sessionLimits: ReversalLimits(maximumLineBytes: settings.limits.maximumLineBytes)
        )
        limits.maximumConnections = settings.limits.maximumConnections
        limits.idleTimeout = settings.limits.idleTimeout
        limits.drainTimeout = settings.limits.drainTimeout
        logsConnections = settings.log.connections
    }
}

extension ListenerConfiguration<ReversalOptions> {
    init(_ listener: Settings.Listener) {
        self.init(
            endpoint: listener.endpoint,
            ipv6Only: listener.ipv6Only,
            mode: listener.mode,
            options: ReversalOptions(framing: listener.framing, unit: listener.unit)
        )
    }
}

extension Settings.Listener {
    /// Where it listens.
    var endpoint: Endpoint {
        switch place {
        case .internet(let host, let port): .internet(host: host, port: port)
        case .unix(let path): .unix(path: path)
        }
    }
}
