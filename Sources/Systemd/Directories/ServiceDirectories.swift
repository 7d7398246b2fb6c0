import TextEscaping

/// The directories that systemd created for the service, see RuntimeDirectory= and similar settings in systemd.exec(5).
///
/// Each list has one absolute path for each directory of the unit's setting, in its order. A list is empty where the unit
/// does not have the setting, and outside systemd.
public struct ServiceDirectories: Sendable, Equatable {
    /// RuntimeDirectory=, below `/run`: sockets and other files that are gone when the service stops.
    public let runtime: [String]
    /// StateDirectory=, below `/var/lib`: data that survives a restart and an upgrade.
    public let state: [String]
    /// CacheDirectory=, below `/var/cache`: data that the service can recreate.
    public let cache: [String]
    /// LogsDirectory=, below `/var/log`: log files, for a service that does not use the journal.
    public let logs: [String]
    /// ConfigurationDirectory=, below `/etc`: settings, which the service only reads.
    public let configuration: [String]

    /// What was wrong with the variables, as sentences for the log.
    public let warnings: [String]

    /// Reads the variables RUNTIME_DIRECTORY, STATE_DIRECTORY, CACHE_DIRECTORY, LOGS_DIRECTORY and
    /// CONFIGURATION_DIRECTORY. systemd separates the paths in a variable with colons and escapes nothing: a directory
    /// whose name contains a colon cannot be recognized.
    ///
    /// - Parameter environment: Where the variables are read.
    public init(environment: Environment = .process) {
        var warnings: [String] = []
        func paths(_ name: String) -> [String] {
            guard let value = environment[name], !value.isEmpty else { return [] }
            return value.split(separator: ":", omittingEmptySubsequences: false).compactMap { path in
                if path.hasPrefix("/") { return String(path) }
                let shown = PrintableText.excerpt(String(path))
                warnings.append("\(name) contains '\(shown)', which is not an absolute path: it is ignored")
                return nil
            }
        }
        runtime = paths("RUNTIME_DIRECTORY")
        state = paths("STATE_DIRECTORY")
        cache = paths("CACHE_DIRECTORY")
        logs = paths("LOGS_DIRECTORY")
        configuration = paths("CONFIGURATION_DIRECTORY")
        self.warnings = warnings
    }
}
