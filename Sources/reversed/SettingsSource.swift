import Settings

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
