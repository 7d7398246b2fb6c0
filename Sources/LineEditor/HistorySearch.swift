import Glibc

/// The incremental search in the history (Ctrl-R, Ctrl-S).
struct HistorySearch: Equatable {
    /// The text to search for.
    private(set) var text = ""
    /// Whether no line contains the text.
    private(set) var hasFailed = false
    private(set) var isForward: Bool
    /// The line at which the search started.
    let origin: Int
    /// The line that is shown.
    private var line: Int
    private var skipsLine = false

    init(from line: Int, isForward: Bool) {
        origin = line
        self.line = line
        self.isForward = isForward
    }

    /// The prompt during the search, as in shells.
    var prompt: String {
        "(\(hasFailed ? "failed " : "")\(isForward ? "" : "reverse-")i-search)`\(text)': "
    }

    mutating func add(_ more: String) { text += more }

    /// Removes the last cluster of the search text. Returns false if it is empty.
    mutating func removeLast() -> Bool {
        guard !text.isEmpty else { return false }
        text = graphemeClusters(of: text).dropLast().joined()
        line = origin
        return true
    }

    /// Finds the next line that contains the text.
    mutating func goOn(isForward: Bool) {
        self.isForward = isForward
        skipsLine = !text.isEmpty
    }

    /// The nearest line that contains the text, and the byte offset in it.
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
                    unsafe memcmp(start + $0, sought, text.count) == 0
                }
            }
        }
    }
}

/// A history followed by the new line. Edits of old lines last until a line is submitted.
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
