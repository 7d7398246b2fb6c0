import TOMLKit

/// A document that is TOML, with the line of each key.
struct Document {
    let content: TOMLTable
    let outline: TOMLOutline

    /// Reads `text`; `path` is what messages call it.
    init(_ text: String, path: String) throws(SettingsError) {
        // TOMLKit hands the text over as a C string.
        if let index = text.utf8.firstIndex(of: 0) {
            let line = text.utf8[..<index].count { $0 == UInt8(ascii: "\n") } + 1
            throw Document.error(path, line, nil, "a NUL byte; is this a text file?")
        }
        outline = TOMLOutline(of: text)
        if let trouble = outline.trouble {
            // The parser may have something to say about what comes before.
            _ = try Document.parse(
                String(decoding: text.utf8.prefix(outline.understoodBytes), as: UTF8.self),
                path
            )
            throw Document.error(path, trouble.line, trouble.column, trouble.problem)
        }
        guard outline.linesWithNulEscape.isEmpty else {
            throw SettingsError(
                mistakes: outline.linesWithNulEscape.map { line in
                    Mistake(
                        origin: .file(path: path, line: line),
                        allowed: "no setting may hold a NUL character"
                    )
                }
            )
        }
        content = try Document.parse(text, path)
    }

    private static func parse(_ text: String, _ path: String) throws(SettingsError) -> TOMLTable {
        do {
            return try TOMLTable(string: text)
        } catch let error as TOMLParseError {
            let start = error.source.begin
            throw Document.error(path, start.line, start.column, "not TOML: \(error.description)")
        } catch {
            throw Document.error(path, nil, nil, "not TOML: \(error)")
        }
    }

    private static func error(_ path: String, _ line: Int?, _ column: Int?, _ problem: String)
        -> SettingsError
    {
        let origin = Mistake.Origin.file(path: path, line: line, column: column)
        return SettingsError(mistakes: [Mistake(origin: origin, allowed: problem)])
    }
}
