import DispatchServer

extension Settings {
    /// Loads the file at `path`. Options in `overrides` take precedence, and missing keys have their defaults.
    ///
    /// A missing file is a mistake unless `mayBeMissing`, which treats it as empty. Reading is bounded and never blocks on a pipe.
    public static func load(
        path: String,
        mayBeMissing: Bool = false,
        overrides: Overrides = Overrides()
    ) throws(SettingsError) -> Settings {
        if let text = try SettingsFile.read(path) {
            return try parse(text, path: path, overrides: overrides)
        }
        guard mayBeMissing else {
            throw SettingsError(mistakes: [
                Mistake(origin: .file(path: path), problem: "there is no such file")
            ])
        }
        return try parse("", path: path, overrides: overrides)
    }

    /// Parses the document `text`. Messages call it `path`.
    public static func parse(
        _ text: String,
        path: String,
        overrides: Overrides = Overrides()
    ) throws(SettingsError) -> Settings {
        let document = try TOMLValue(parsing: text, path: path)
        var reader = TableReader(file: path)
        let settings = reader.settings(in: document, overrides: overrides)
        guard reader.mistakes.isEmpty else {
            // A stable sort by line.
            let ordered = reader.mistakes.enumerated()
                .sorted { ($0.element.line, $0.offset) < ($1.element.line, $1.offset) }
            throw SettingsError(mistakes: ordered.map(\.element))
        }
        return settings
    }
}

extension TableReader {
    /// Reads the document: top level, tables, listeners, and the overrides.
    fileprivate mutating func settings(in document: TOMLValue, overrides: Overrides) -> Settings {
        let top = Table(values: document.table ?? [:], line: document.line, section: .top)
        var settings = Settings()
        refuseUnknownKeys(in: top)
        if let table = table(.limits, in: top) { read(Keys.limits, in: table, into: &settings) }
        if let table = table(.log, in: top) { read(Keys.log, in: table, into: &settings) }
        let metrics = table(.metrics, in: top)
        if let metrics { read(Keys.metrics, in: metrics, into: &settings) }
        settings.logLevel = overrides.logLevel ?? settings.logLevel
        var plain = Settings.Listener()
        read(Keys.options, in: top, into: &plain)
        settings.server.options = plain.options
        settings.server.listeners = listeners(in: top, plain: plain, overrides: overrides)
        if let metrics, let endpoint = settings.metrics.endpoint {
            let listener = Settings.Listener(endpoint: endpoint, options: plain.options)
            let reason = settings.server.listeners.lazy.compactMap { listener.overlap(with: $0) }.first
            if let reason {
                refuse(
                    "listen",
                    in: metrics,
                    "cannot be where clients are served: \(reason); take another port or path"
                )
            }
        }
        return settings
    }
}
