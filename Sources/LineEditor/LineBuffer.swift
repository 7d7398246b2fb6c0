/// A line of text and a cursor between two of its characters.
struct LineBuffer: Equatable {
    private(set) var characters: [String] = []
    /// How many characters stand before the cursor.
    private(set) var cursor = 0

    init(_ text: String = "") {
        characters = graphemeClusters(of: text)
        cursor = characters.count
    }

    var text: String { characters.joined() }
    var beforeCursor: ArraySlice<String> { characters[..<cursor] }
    var afterCursor: ArraySlice<String> { characters[cursor...] }

    /// Inserts text before the cursor. It may join with its neighbours: a combining mark becomes part of the character
    /// before it.
    mutating func insert(_ text: String) {
        let before = beforeCursor.joined() + text
        let whole = before + afterCursor.joined()
        characters = graphemeClusters(of: whole)
        // Behind the last byte inserted, or behind the character that this byte became part of.
        let offset = before.utf8.count
        var passed = 0
        cursor = 0
        while cursor < characters.count && passed < offset {
            passed += characters[cursor].utf8.count
            cursor += 1
        }
    }

    mutating func move(to position: Int) { cursor = max(0, min(characters.count, position)) }

    /// Removes the characters of `range` and returns them.
    mutating func remove(_ range: Range<Int>) -> String {
        let removed = characters[range].joined()
        let before = characters[..<range.lowerBound].joined()
        let after = characters[range.upperBound...].joined()
        self = LineBuffer(before)
        insertBehind(after)
        return removed
    }

    /// Adds text behind the cursor.
    private mutating func insertBehind(_ text: String) {
        let offset = self.text.utf8.count
        self = LineBuffer(self.text + text)
        var passed = 0
        cursor = 0
        while cursor < characters.count && passed < offset {
            passed += characters[cursor].utf8.count
            cursor += 1
        }
    }

    /// Where the word before the cursor begins.
    var wordStart: Int {
        var position = cursor
        while position > 0 && isSpace(position - 1) { position -= 1 }
        while position > 0 && !isSpace(position - 1) { position -= 1 }
        return position
    }

    /// Where the word after the cursor ends.
    var wordEnd: Int {
        var position = cursor
        while position < characters.count && isSpace(position) { position += 1 }
        while position < characters.count && !isSpace(position) { position += 1 }
        return position
    }

    private func isSpace(_ position: Int) -> Bool { characters[position].first?.isWhitespace ?? false }
}
