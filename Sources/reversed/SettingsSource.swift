import Glibc
import Settings

/// The source of the settings, at the start and at each reload.
struct SettingsSource: Sendable {
    /// The file from the command line; nil for the default file, which may be missing.
    let path: String?
    let overrides: Overrides

    /// The file to read; nil if there is none, and the defaults apply.
    var file: String? {
        if let path { return path }
        return unsafe access(Settings.defaultPath, F_OK) == 0 ? Settings.defaultPath : nil
    }

    /// Whether these are the settings of the service, and not of a process started by hand.
    var isForService: Bool {
        [nil, Settings.defaultPath].contains(path) && overrides == Overrides()
    }

    /// - Throws: `SettingsError` with every mistake.
    func load() throws(SettingsError) -> Settings {
        try Settings.load(path: path ?? Settings.defaultPath, mayBeMissing: path == nil, overrides: overrides)
    }
}
