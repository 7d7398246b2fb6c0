extension Settings {
    /// The changes from `old`, each as a sentence for the log, such as `limits.idle_timeout = "5min" (was "10min")`. Listeners
    /// are left out, because the log names those that listen.
    public func changes(since old: Settings) -> [String] {
        Self.changes(Keys.limits, .limits, old, self) + Self.changes(Keys.log, .log, old, self)
            + Self.changes(Keys.metrics, .metrics, old, self)
    }

    private static func changes(_ keys: [Key<Settings>], _ section: Section, _ old: Settings, _ new: Settings)
        -> [String]
    {
        keys.compactMap { key in
            guard let now = key.text(new), let before = key.text(old), now != before else { return nil }
            return "\(section.rawValue).\(key.name) = \(now) (was \(before))"
        }
    }
}
