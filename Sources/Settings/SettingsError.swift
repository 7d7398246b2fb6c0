import TextEscaping

/// All mistakes of the settings. Never empty.
public struct SettingsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The mistakes in the order of the file, then those of the options.
    public let mistakes: [Mistake]

    /// One line per mistake.
    public var description: String {
        mistakes.map(\.description).joined(separator: "\n")
    }
}

/// One mistake, and what is allowed instead.
public struct Mistake: Sendable, Equatable, CustomStringConvertible {
    /// Where a mistake was made.
    public enum Origin: Sendable, Equatable {
        /// A file. Line and column count from 1 and are nil if unknown.
        case file(path: String, line: Int? = nil, column: Int? = nil)
        /// An option of the command line, such as `--host`.
        case flag(String)
    }

    /// Where the mistake was made.
    public var origin: Origin
    /// The key with its table, such as `limits.max_connections` or `[[listener]] 2: port`; nil if it concerns no single key.
    public var key: String?
    /// The value that was found, as TOML, shortened if long.
    public var found: String?
    /// What is wrong, or what is allowed.
    public var problem: String
    /// What was probably meant.
    public var suggestion: String?

    /// `FILE:LINE:COLUMN: KEY = FOUND: PROBLEM: did you mean SUGGESTION?`, without unknown parts.
    ///
    /// One line of printable text, with text from the file and its name escaped.
    public var description: String {
        var text = location
        switch (origin, key, found) {
        case (.file, let key?, let found?): text += ": \(key) = \(found)"
        case (.file, let key?, nil): text += ": \(key)"
        case (.flag, _, let found?): text += " \(found)"
        default: break
        }
        text += ": " + problem
        if let suggestion {
            text += ": did you mean \(suggestion)?"
        }
        return PrintableText.escape(text)
    }

    /// The line, for sorting.
    var line: Int {
        switch origin {
        case .file(_, let line, _): line ?? 0
        case .flag: .max
        }
    }

    private var location: String {
        switch origin {
        case .file(let path, let line?, let column?): "\(path):\(line):\(column)"
        case .file(let path, let line?, nil): "\(path):\(line)"
        case .file(let path, nil, _): path
        case .flag(let name): name
        }
    }
}
