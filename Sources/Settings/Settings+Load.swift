import TOMLKit

extension Settings {
    /// The settings of the file at `path`, with `overrides` over them and the defaults below.
    ///
    /// A missing file is a mistake unless `mayBeMissing`: then it stands for an empty one. The read is bounded and
    /// never waits, so this may be called on reload too; nothing is changed when it throws.
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
                Mistake(origin: .file(path: path), allowed: "there is no such file")
            ])
        }
        return try parse("", path: path, overrides: overrides)
    }

    /// The settings that the document `text` holds; `path` is what messages call it.
    public static func parse(
        _ text: String,
        path: String,
        overrides: Overrides = Overrides()
    ) throws(SettingsError) -> Settings {
        let document = try Document(text, path: path)
        // TOMLKit never frees a table; emptied, it leaves next to nothing behind on each reload.
        defer { document.content.clear() }
        var reader = TableReader(file: path, outline: document.outline)
        let settings = reader.settings(in: document.content, overrides: overrides)
        guard reader.mistakes.isEmpty else {
            throw SettingsError(mistakes: SettingsError.inOrder(reader.mistakes))
        }
        return settings
    }
}

extension SettingsError {
    /// `mistakes` by line; those of one line stay as they were.
    fileprivate static func inOrder(_ mistakes: [Mistake]) -> [Mistake] {
        mistakes.enumerated()
            .sorted { ($0.element.line, $0.offset) < ($1.element.line, $1.offset) }
            .map(\.element)
    }
}

extension TableReader {
    /// The whole document: its top level, its tables, its listeners, and what the flags say over it.
    fileprivate mutating func settings(in content: TOMLTable, overrides: Overrides) -> Settings {
        let top = Table(content: content, section: .top, path: [], prefix: "")
        var settings = Settings()
        refuseUnknownKeys(in: top)
        settings.framing = word("framing", in: top) ?? settings.framing
        settings.unit = word("unit", in: top) ?? settings.unit
        if let table = table(.limits, in: top) { settings.limits = limits(in: table) }
        if let table = table(.log, in: top) { settings.log = log(in: table) }
        settings.log.level = overrides.logLevel ?? settings.log.level
        settings.listeners = listeners(
            in: top,
            framing: settings.framing,
            unit: settings.unit,
            overrides: overrides
        )
        return settings
    }

    private mutating func table(_ section: Section, in top: Table) -> Table? {
        guard let value = top.content[section.name] else { return nil }
        guard let content = value.table else {
            refuse(section.name, in: top, "must be a table with the header \(section.place)")
            return nil
        }
        let path = [TOMLOutline.Step.key(section.name)]
        let table = Table(content: content, section: section, path: path, prefix: section.name + ".")
        refuseUnknownKeys(in: table)
        return table
    }

    private mutating func limits(in table: Table) -> Settings.Limits {
        var limits = Settings.Limits()
        limits.maximumConnections =
            wholeNumber("max_connections", in: table, range: 1...1_000_000) ?? limits.maximumConnections
        limits.maximumLineBytes =
            byteCount("max_line_bytes", in: table, range: 1...(1 << 30)).map { Int($0) }
            ?? limits.maximumLineBytes
        let longest = Duration.seconds(8760 * 3600)
        if let idle = duration("idle_timeout", in: table, range: .milliseconds(1)...longest, zero: "never") {
            limits.idleTimeout = idle == .zero ? nil : idle
        }
        limits.drainTimeout =
            duration("drain_timeout", in: table, range: .milliseconds(1)...(.seconds(24 * 3600)))
            ?? limits.drainTimeout
        return limits
    }

    private mutating func log(in table: Table) -> Settings.Log {
        var log = Settings.Log()
        log.level = word("level", in: table) ?? log.level
        log.connections = boolean("connections", in: table) ?? log.connections
        return log
    }
}
