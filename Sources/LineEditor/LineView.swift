/// Draws a prompt, a line and a cursor on one row of the terminal.
///
/// If they do not fit, the row shows the part around the cursor, and `<` and `>` in reverse video mark hidden text. The prompt
/// scrolls with the line. The cursor is positioned by writing the text before it again, and nothing wraps while the row is drawn
/// (DECAWM is off). So the row is right however wide the terminal draws a character.
struct LineView {
    private static let clearRow = "\u{1B}[K"
    private static let clearBelow = "\u{1B}[J"

    /// The column of the cursor in the last drawing, counted from 0.
    private(set) var cursorColumn = 0
    /// The prompt, if the last row showed everything.
    private var wholePrompt: String?

    /// The visible part of prompt and line, and what is hidden.
    private struct Window {
        var range: Range<Int>
        var cursor: Int
        var count: Int
        var hidesLeft: Bool { range.lowerBound > 0 }
        var hidesRight: Bool { range.upperBound < count }
    }

    /// Draws prompt and line at the beginning of an empty row.
    mutating func begin(_ prompt: String, _ line: LineBuffer, columns: Int) -> String {
        let text = row(prompt, line, columns: columns, clear: Self.clearBelow)
        // Terminals agree on the width of ASCII.
        return text.utf8.allSatisfy { $0 < 0x80 } ? text : Self.unwrapped(text)
    }

    /// Draws the row again.
    mutating func draw(_ prompt: String, _ line: LineBuffer, columns: Int, clearsBelow: Bool = false)
        -> String
    {
        let clear = clearsBelow ? Self.clearBelow : Self.clearRow
        return Self.unwrapped("\r" + row(prompt, line, columns: columns, clear: clear))
    }

    private mutating func row(_ prompt: String, _ line: LineBuffer, columns: Int, clear: String) -> String {
        let row = Row(prompt: graphemeClusters(of: prompt), line: line.clusters)
        let window = Self.window(row, cursor: row.prompt.count + line.cursor, columns: columns)
        let before =
            (window.hidesLeft ? Self.mark("<") : "") + row.shown(window.range.lowerBound..<window.cursor)
        let after =
            row.shown(window.cursor..<window.range.upperBound) + (window.hidesRight ? Self.mark(">") : "")
        wholePrompt = window.range.count == row.count && after.isEmpty ? prompt : nil
        cursorColumn = (window.hidesLeft ? 1 : 0) + row.columns(window.range.lowerBound..<window.cursor)
        return before + after + clear + (after.isEmpty ? "" : "\r\(before)")
    }

    /// Marks the drawn row as out of date.
    mutating func invalidate() { wholePrompt = nil }

    /// Writes the whole line on as many rows as it takes, and moves to the next row.
    func end(_ prompt: String, _ line: LineBuffer) -> String {
        wholePrompt == prompt
            ? "\n"
            : "\r\(Self.clearBelow)\(prompt)\(line.clusters.map(DisplayWidth.shown).joined())\n"
    }

    private static func unwrapped(_ text: String) -> String { "\u{1B}[?7l\(text)\u{1B}[?7h" }

    private static func mark(_ text: String) -> String { "\u{1B}[7m\(text)\u{1B}[27m" }

    /// The part that fits: up to a third of the row after the cursor, and as much as possible before it.
    private static func window(_ row: Row, cursor: Int, columns: Int) -> Window {
        // One column stays free for the cursor after the text. Another one stays free so that in a window of half the width the
        // column of the cursor shows whether the terminal reflows rows (`LineEditor.rowsAboveCursor`).
        let room = max(1, columns - 2)
        var window = Window(range: 0..<row.count, cursor: cursor, count: row.count)
        if row.end(from: 0, columns: room) == row.count { return window }
        // Leave columns for text after the cursor, unless the clusters are too wide.
        for behind in [columns / 3, 0] {
            let after = row.columns(cursor..<row.end(from: cursor, columns: behind))
            let marks = cursor < row.count ? 2 : 1
            let start = row.start(upTo: cursor, columns: room - after - marks)
            if start == cursor && cursor > 0 && behind > 0 { continue }
            let used = row.columns(start..<cursor) + (start > 0 ? 1 : 0)
            var end = row.end(from: cursor, columns: room - used)
            if end < row.count { end = row.end(from: cursor, columns: room - used - 1) }
            window.range = start..<max(end, cursor)
            break
        }
        return window
    }
}

/// The prompt followed by the line.
private struct Row {
    let prompt: [String]
    let line: [String]

    var count: Int { prompt.count + line.count }

    subscript(index: Int) -> String { index < prompt.count ? prompt[index] : line[index - prompt.count] }

    func shown(_ range: Range<Int>) -> String { range.map { DisplayWidth.shown(self[$0]) }.joined() }
    func columns(_ range: Range<Int>) -> Int { range.reduce(0) { $0 + DisplayWidth.columns(of: self[$1]) } }

    /// The end of the clusters from `start` that fit into `columns`.
    func end(from start: Int, columns: Int) -> Int {
        var (end, left) = (start, columns)
        while end < count {
            left -= DisplayWidth.columns(of: self[end])
            if left < 0 { break }
            end += 1
        }
        return end
    }

    /// The start of the clusters before `end` that fit into `columns`.
    func start(upTo end: Int, columns: Int) -> Int {
        var (start, left) = (end, columns)
        while start > 0 {
            left -= DisplayWidth.columns(of: self[start - 1])
            if left < 0 { break }
            start -= 1
        }
        return start
    }
}
