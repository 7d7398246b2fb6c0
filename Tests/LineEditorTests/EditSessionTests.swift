import Testing

@testable import LineEditor

@Suite struct EditSessionTests {
    private func edit(_ keys: [Key], history: [String] = []) -> String {
        var session = EditSession(history: history)
        for key in keys { _ = session.handle(key) }
        return session.buffer.text
    }

    @Test(arguments: ["é", "e\u{301}", "👨‍👩‍👧‍👦", "🇫🇷", "क्षि", "각", "👍🏽"])
    func theCursorMovesOverOneThing(character: String) {
        #expect(edit([.text("a\(character)b"), .left, .left, .text("X")]) == "aX\(character)b")
        #expect(edit([.text("a\(character)b"), .left, .backspace]) == "ab")
        #expect(edit([.text("a\(character)b"), .home, .right, .delete]) == "ab")
    }

    @Test func aMarkJoinsTheCharacterBefore() {
        var session = EditSession(history: [])
        for key: Key in [.text("eb"), .left, .text("\u{301}")] { _ = session.handle(key) }
        #expect(session.buffer.characters == ["e\u{301}", "b"] && session.buffer.cursor == 1)
    }

    @Test func removingWhatStandsBetweenMayJoinNeighbours() {
        // Two halves of a flag become the flag; the cursor does not stand inside it.
        var session = EditSession(history: [])
        for key: Key in [.text("\u{1F1EB}x\u{1F1F7}"), .left, .backspace] { _ = session.handle(key) }
        #expect(session.buffer.characters == ["🇫🇷"] && session.buffer.cursor == 1)
    }

    @Test func wordsAndLines() {
        #expect(edit([.text("one two three"), .deleteWord]) == "one two ")
        #expect(edit([.text("one two"), .wordLeft, .deleteToEnd]) == "one ")
        #expect(edit([.text("one two"), .wordLeft, .deleteToStart, .end, .text(" "), .yank]) == "two one ")
        #expect(edit([.text("one two"), .home, .wordRight, .text("!")]) == "one! two")
    }

    @Test func theEdgesHold() {
        var session = EditSession(history: [])
        #expect(session.handle(.left) == .bell && session.handle(.right) == .bell)
        #expect(session.handle(.backspace) == .bell && session.handle(.delete) == .bell)
        #expect(session.handle(.up) == .bell && session.handle(.down) == .bell)
        #expect(session.handle(.endOfInput) == .endOfInput)
        _ = session.handle(.text("a"))
        _ = session.handle(.home)
        #expect(session.handle(.endOfInput) == .redraw && session.buffer.text.isEmpty)
    }

    @Test func historyKeepsTheNewLine() {
        let history = ["first", "second"]
        #expect(edit([.text("new"), .up], history: history) == "second")
        #expect(edit([.text("new"), .up, .up, .up], history: history) == "first")
        #expect(edit([.text("new"), .up, .down], history: history) == "new")
    }
}
