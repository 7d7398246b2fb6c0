import DispatchServer
import Sockets

extension Settings {
    /// These settings as a TOML document, every key written out. Loaded again, it gives settings equal to these.
    ///
    /// Durations are kept to the millisecond, which is as fine as a file can say them.
    public var toml: String {
        // A listener with the top level's options; its address is there too, if it is the only one.
        let listeners = server.listeners
        var plain = listeners.first ?? Listener()
        plain.options = server.options
        let isPlain = listeners == [plain] && plain.isInternet
        var tables = [
            Self.lines((isPlain ? Keys.address : []) + Keys.options, plain),
            Section.limits.header + "\n" + Self.lines(Keys.limits, self),
            Section.restart.header + "\n" + Self.lines(Keys.restart, self),
            Section.log.header + "\n" + Self.lines(Keys.log, self),
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
