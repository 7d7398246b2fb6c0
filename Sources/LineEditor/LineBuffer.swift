/// A line of text and a cursor between two of its characters.
struct LineBuffer: Equatable {
    private(set) var characters: [Character] = []
    /// How many characters stand before the cursor.
    private(set) var cursor = 0

    init(_ text: String = "") {
        characters = Array(text)
        cursor = characters.count
    }

    var text: String { String(characters) }
    var beforeCursor: ArraySlice<Character> { characters[..<cursor] }
    var afterCursor: ArraySlice<Character> { characters[cursor...] }

    /// Inserts text before the cursor. It may join with its neighbours: a combining mark becomes part of the character
    /// before it.
    mutating func insert(_ text: String) {
        let before = String(beforeCursor) + text
        let whole = before + String(afterCursor)
        characters = Array(whole)
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
        let removed = String(characters[range])
        let before = String(characters[..<range.lowerBound])
        let after = String(characters[range.upperBound...])
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
        while position > 0 && characters[position - 1].isWhitespace { position -= 1 }
        while position > 0 && !characters[position - 1].isWhitespace { position -= 1 }
        return position
    }

    /// Where the word after the cursor ends.
    var wordEnd: Int {
        var position = cursor
        while position < characters.count && characters[position].isWhitespace { position += 1 }
        while position < characters.count && !characters[position].isWhitespace { position += 1 }
        return position
    }
}
