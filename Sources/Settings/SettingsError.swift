import TextEscaping

/// Everything that is wrong with the settings, reported at once. Never empty.
public struct SettingsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The mistakes in the order of the file; those of the flags come last.
    public let mistakes: [Mistake]

    /// One line for each mistake.
    public var description: String {
        mistakes.map(\.description).joined(separator: "\n")
    }
}

/// One thing that is wrong, and what would be right.
public struct Mistake: Sendable, Equatable, CustomStringConvertible {
    /// Where a mistake was made.
    public enum Origin: Sendable, Equatable {
        /// A file; line and column count from 1 and are there only when they are certain.
        case file(path: String, line: Int? = nil, column: Int? = nil)
        /// A flag of the command line, such as `--host`.
        case flag(String)
    }

    /// Where it was made.
    public var origin: Origin
    /// The key with its table, such as `limits.max_connections` or `[[listener]] 2: port`. `nil`: no single key.
    public var key: String?
    /// What was found there, as TOML would write it, shortened when long.
    public var found: String?
    /// What is wrong with it or what is allowed.
    public var allowed: String
    /// What was probably meant.
    public var suggestion: String?

    /// `FILE:LINE:COLUMN: KEY = FOUND: ALLOWED: did you mean SUGGESTION?`, without the parts that are not known.
    ///
    /// One line of printable text: what comes from the file or its name is escaped.
    public var description: String {
        var text = location
        switch (origin, key, found) {
        case (.file, let key?, let found?): text += ": \(key) = \(found)"
        case (.file, let key?, nil): text += ": \(key)"
        case (.flag, _, let found?): text += " \(found)"
        default: break
        }
        text += ": " + allowed
        if let suggestion {
            text += ": did you mean \(suggestion)?"
        }
        return PrintableText.escape(text)
    }

    /// The line it is on, for putting mistakes in order.
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
