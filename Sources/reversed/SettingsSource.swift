import Glibc
import Settings

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
