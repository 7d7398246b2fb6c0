import Glibc

/// An incremental search in the lines of a history, as Ctrl-R begins it.
struct HistorySearch: Equatable {
    /// What is searched for.
    private(set) var text = ""
    /// Whether no line has the text.
    private(set) var hasFailed = false
    private(set) var isForward: Bool
    /// The line where the search began.
    let origin: Int
    /// The line that is shown.
    private var line: Int
    private var skipsLine = false

    init(from line: Int, isForward: Bool) {
        origin = line
        self.line = line
        self.isForward = isForward
    }

    /// What stands in the place of the prompt, as in other shells.
    var prompt: String {
        "(\(hasFailed ? "failed " : "")\(isForward ? "" : "reverse-")i-search)`\(text)': "
    }

    mutating func add(_ more: String) { text += more }

    /// Removes what was typed last; false when there is nothing.
    mutating func removeLast() -> Bool {
        guard !text.isEmpty else { return false }
        text = graphemeClusters(of: text).dropLast().joined()
        line = origin
        return true
    }

    /// Looks for the next line that has the text.
    mutating func goOn(isForward: Bool) {
        self.isForward = isForward
        skipsLine = !text.isEmpty
    }

    /// The nearest line that has the text, and at which byte of it.
    mutating func find(in lines: HistoryLines) -> (line: Int, offset: Int)? {
        defer { skipsLine = false }
        hasFailed = false
        guard !text.isEmpty else { return nil }
        let first = skipsLine ? line + (isForward ? 1 : -1) : line
        let candidates =
            isForward ? Array((0..<lines.count).dropFirst(first)) : (0..<(first + 1)).reversed()
        for index in candidates {
            guard let offset = Self.offset(of: text, in: lines[index]) else { continue }
            line = index
            return (index, offset)
        }
        hasFailed = true
        return nil
    }

    private static func offset(of text: String, in line: String) -> Int? {
        var (text, line) = (text, line)
        return line.withUTF8 { line in
            text.withUTF8 { text in
                guard let start = line.baseAddress, let sought = text.baseAddress else { return nil }
                return (0..<max(0, line.count - text.count + 1)).first {
                    memcmp(start + $0, sought, text.count) == 0
                }
            }
        }
    }
}

/// A history and, behind it, the line that is new. Edits of old lines last until a line is submitted.
struct HistoryLines {
    private let history: [String]
    private var edited: [Int: String] = [:]

    init(history: [String]) { self.history = history }

    var count: Int { history.count + 1 }

    subscript(index: Int) -> String {
        get { edited[index] ?? (index < history.count ? history[index] : "") }
        set { edited[index] = newValue }
    }
}
