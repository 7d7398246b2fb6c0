/// What is written to the terminal so that it shows a line and a cursor, on one row that scrolls sideways.
///
/// The place behind the prompt is saved in the terminal (DECSC) and returned to (DECRC); the cursor gets its place by
/// writing again what stands before it. So it stands right however wide the terminal draws a character; an estimate,
/// never too small, only decides when to scroll.
struct LineView {
    private static let save = "\u{1B}7"
    private static let restore = "\u{1B}8"
    private static let clear = "\u{1B}[K"

    private let prompt: String
    /// The first character that is shown.
    private var start = 0

    init(prompt: String) { self.prompt = prompt }

    /// Writes prompt and line; the cursor stands at the beginning of a row.
    mutating func begin(_ buffer: LineBuffer, columns: Int) -> String {
        "\(prompt)\(Self.save)" + (buffer.characters.isEmpty ? Self.clear : redraw(buffer, columns: columns))
    }

    /// Writes the line again.
    mutating func redraw(_ buffer: LineBuffer, columns: Int) -> String {
        let room = max(8, columns - prompt.count - 1)
        if buffer.cursor < start { start = buffer.cursor }
        while start < buffer.cursor && Self.width(buffer.characters[start..<buffer.cursor]) > room {
            start += 1
        }
        let before = buffer.characters[start..<buffer.cursor]
        var end = buffer.cursor
        var left = room - Self.width(before)
        while end < buffer.characters.count {
            left -= Self.width(buffer.characters[end...end])
            guard left >= 0 else { break }
            end += 1
        }
        let shownBefore = Self.shown(before)
        let shownAfter = Self.shown(buffer.characters[buffer.cursor..<end])
        let line = "\(Self.restore)\(shownBefore)\(shownAfter)\(Self.clear)"
        return shownAfter.isEmpty ? line : "\(line)\(Self.restore)\(shownBefore)"
    }

    /// Writes the whole line, however many rows it takes, and goes to the next.
    func end(_ buffer: LineBuffer) -> String {
        start == 0 && buffer.afterCursor.isEmpty
            ? "\n" : "\(Self.restore)\(Self.shown(buffer.characters[...]))\(Self.clear)\n"
    }

    /// Control characters in caret notation, everything else as it is.
    private static func shown(_ characters: ArraySlice<String>) -> String {
        var result = ""
        for scalar in characters.lazy.flatMap(\.unicodeScalars) {
            switch scalar.value {
            case 0..<0x20: result += "^" + String(Unicode.Scalar(UInt8(scalar.value) | 0x40))
            case 0x7F..<0xA0: result += "^?"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// How many columns the characters take at most.
    private static func width(_ characters: ArraySlice<String>) -> Int {
        characters.lazy.flatMap(\.unicodeScalars).reduce(0) {
            $0 + ($1.value < 0x20 || $1.value >= 0x1100 ? 2 : 1)
        }
    }
}
