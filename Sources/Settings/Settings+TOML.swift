import DispatchServer
import Sockets

extension Settings {
    /// The settings as a TOML document with every key. Loading it gives equal settings, with durations in milliseconds.
    public var toml: String {
        // The top level has the default options and, if there is only one listener, its address.
        let listeners = server.listeners
        var plain = listeners.first ?? Listener()
        plain.options = server.options
        let isPlain = listeners == [plain] && plain.isInternet
        var tables = [
            Self.lines((isPlain ? Keys.address : []) + Keys.options, plain),
            Section.limits.header + "\n" + Self.lines(Keys.limits, self),
            Section.log.header + "\n" + Self.lines(Keys.log, self),
            Section.metrics.header + "\n" + Self.lines(Keys.metrics, self),
        ]
        if !isPlain {
            let keys = Keys.address + Keys.socketFile + Keys.options
            tables += listeners.map { Section.listener.header + "\n" + Self.lines(keys, $0) }
        }
        return tables.joined(separator: "\n")
    }

    private static func lines<Model>(_ keys: [Key<Model>], _ model: Model) -> String {
        keys.compactMap { key in key.text(model).map { "\(key.name) = \($0)\n" } }.joined()
    }
}

extension Settings.Listener {
    fileprivate var isInternet: Bool { if case .internet = endpoint { true } else { false } }
}
