import DispatchServer
import ReverseCore
import Settings
import Sockets

/// Where the settings come from, at the start and again at every reload.
struct SettingsSource: Sendable {
    /// The file named on the command line; nil for the default one, which may be missing.
    let path: String?
    let overrides: Overrides

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
        let endpoint: Endpoint =
            switch listener.place {
            case .internet(let host, let port): .internet(host: host, port: port)
            case .unix(let path): .unix(path: path)
            }
        self.init(
            endpoint: endpoint,
            ipv6Only: listener.ipv6Only,
            mode: listener.mode,
            options: ReversalOptions(framing: listener.framing, unit: listener.unit)
        )
    }
}
