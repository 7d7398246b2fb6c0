/// What is written to the terminal so that it shows a prompt, a line and a cursor, on one row.
///
/// Where they do not fit, the row shows the part around the cursor, and `<` and `>` in reverse video say on which side there
/// is more. The prompt scrolls with the line. The cursor gets its place by writing again what stands before it, and nothing
/// wraps while the row is drawn (DECAWM is off): so the row is right however wide the terminal draws a character.
struct LineView {
    private static let clearRow = "\u{1B}[K"
    private static let clearBelow = "\u{1B}[J"

    /// The column of the cursor as it was drawn last, counted from 0.
    private(set) var cursorColumn = 0
    /// The prompt of a row that shows all there is.
    private var wholePrompt: String?

    /// A stretch of prompt and line, and what it leaves out.
    private struct Window {
        var range: Range<Int>
        var cursor: Int
        var count: Int
        var hidesLeft: Bool { range.lowerBound > 0 }
        var hidesRight: Bool { range.upperBound < count }
    }

    /// Writes prompt and line; the cursor stands at the beginning of a row, and there is nothing to be kept in it or below.
    mutating func begin(_ prompt: String, _ line: LineBuffer, columns: Int) -> String {
        let text = row(prompt, line, columns: columns, clear: Self.clearBelow)
        // All terminals agree on how wide ASCII is.
        return text.utf8.allSatisfy { $0 < 0x80 } ? text : Self.unwrapped(text)
    }

    /// Writes the row again.
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

    /// Notes that the row does not show the line as it is now.
    mutating func invalidate() { wholePrompt = nil }

    /// Writes the whole line, however many rows it takes, and goes to the next.
    func end(_ prompt: String, _ line: LineBuffer) -> String {
        wholePrompt == prompt
            ? "\n"
            : "\r\(Self.clearBelow)\(prompt)\(line.clusters.map(DisplayWidth.shown).joined())\n"
    }

    private static func unwrapped(_ text: String) -> String { "\u{1B}[?7l\(text)\u{1B}[?7h" }

    private static func mark(_ text: String) -> String { "\u{1B}[7m\(text)\u{1B}[27m" }

    /// As much as fits: up to a third of the row behind the cursor, and before the cursor all there is room for.
    private static func window(_ row: Row, cursor: Int, columns: Int) -> Window {
        // One column stays free for the cursor behind the text. Another, so that a window of half the width shows by the cursor's
        // column whether its terminal breaks rows (`LineEditor.rowsAboveCursor`).
        let room = max(1, columns - 2)
        var window = Window(range: 0..<row.count, cursor: cursor, count: row.count)
        if row.end(from: 0, columns: room) == row.count { return window }
        // With room for something behind the cursor, or without where the clusters are too wide for that.
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

/// Prompt and line, one behind the other.
private struct Row {
    let prompt: [String]
    let line: [String]

    var count: Int { prompt.count + line.count }

    subscript(index: Int) -> String { index < prompt.count ? prompt[index] : line[index - prompt.count] }

    func shown(_ range: Range<Int>) -> String { range.map { DisplayWidth.shown(self[$0]) }.joined() }
    func columns(_ range: Range<Int>) -> Int { range.reduce(0) { $0 + DisplayWidth.columns(of: self[$1]) } }

    /// How far the clusters from `start` on go that have room in so many columns.
    func end(from start: Int, columns: Int) -> Int {
        var (end, left) = (start, columns)
        while end < count {
            left -= DisplayWidth.columns(of: self[end])
            if left < 0 { break }
            end += 1
        }
        return end
    }

    /// Where the clusters before `end` begin that have room in so many columns.
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
