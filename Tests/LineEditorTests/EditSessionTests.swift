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
        #expect(session.buffer.clusters == ["e\u{301}", "b"] && session.buffer.cursor == 1)
    }

    @Test func removingWhatStandsBetweenMayJoinNeighbours() {
        // Two halves of a flag become a flag; the cursor must not be inside it.
        var session = EditSession(history: [])
        for key: Key in [.text("\u{1F1EB}x\u{1F1F7}"), .left, .backspace] { _ = session.handle(key) }
        #expect(session.buffer.clusters == ["🇫🇷"] && session.buffer.cursor == 1)
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

    @Test func whatIsCutInARowIsPutBackTogether() {
        #expect(edit([.text("one two three"), .deleteWord, .deleteWord, .home, .yank]) == "two threeone ")
        #expect(
            edit([.text("one two three"), .home, .deleteWordForward, .deleteWordForward, .end, .yank])
                == " threeone two"
        )
        #expect(
            edit([.text("one two three"), .wordLeft, .deleteToEnd, .wordLeft, .deleteToStart, .yank, .yank])
                == "one one two "
        )
    }

    @Test func transposing() {
        #expect(edit([.text("ab"), .transpose]) == "ba")
        #expect(edit([.text("abc"), .home, .right, .transpose, .text("X")]) == "baXc")
        #expect(edit([.text("a"), .transpose]) == "a" && edit([.transpose]) == "")
        #expect(edit([.text("a👨‍👩‍👧"), .transpose]) == "👨‍👩‍👧a")
    }

    @Test func undoTakesBackWhatWasDoneInOneGo() {
        let keys: [Key] = [.text("one "), .text("two"), .deleteWord, .text("x"), .text("y")]
        #expect(edit(keys + [.undo]) == "one ")
        #expect(edit(keys + [.undo, .undo]) == "one two")
        #expect(edit(keys + [.undo, .undo, .undo]) == "")
        #expect(edit(keys + [.undoAll]) == "")
        var session = EditSession(history: [])
        #expect(session.handle(.undo) == .bell)
    }

    @Test func undoRestoresTextThatHadJoined() {
        #expect(
            edit([.text("\u{1F1EB}x\u{1F1F7}"), .left, .backspace, .undo, .backspace]) == "\u{1F1EB}\u{1F1F7}"
        )
        #expect(edit([.text("e"), .home, .end, .text("\u{301}"), .undo]) == "e")
    }

    @Test func aSearchGoesBackForthAndAway() {
        let history = ["one fish", "two", "red fish"]
        #expect(edit([.searchBackward, .text("fi")], history: history) == "red fish")
        #expect(edit([.searchBackward, .text("fi"), .searchBackward], history: history) == "one fish")
        #expect(
            edit([.searchBackward, .text("fi"), .searchBackward, .searchForward], history: history)
                == "red fish"
        )
        #expect(edit([.text("new"), .searchBackward, .text("fi"), .cancel], history: history) == "new")
        #expect(edit([.searchBackward, .text("fix"), .backspace], history: history) == "red fish")
        #expect(edit([.searchBackward, .text("fi"), .left, .text("-")], history: history) == "red- fish")
        var session = EditSession(history: history)
        _ = session.handle(.searchBackward)
        #expect(session.handle(.text("none")) == .bell && session.search?.hasFailed == true)
        #expect(session.handle(.enter) == .submit("", isPasted: false) && session.search == nil)
    }

    @Test func aSearchStopsWhereTheTextIs() {
        var session = EditSession(history: ["👨‍👩‍👧 é fish"])
        for key: Key in [.searchBackward, .text("fish")] { _ = session.handle(key) }
        #expect(session.buffer.cursor == 4)
    }

    @Test func aLongLineCostsNoMoreThanAShortOne() {
        // 100,000 keys in a line of 100,000 characters; a rescan for each would take minutes.
        let long = String(repeating: "x", count: 100_000)
        var session = EditSession(history: [long])
        let clock = ContinuousClock()
        let time = clock.measure {
            for key: Key in [.up, .home, .end, .text("y"), .deleteWord, .undo, .home] {
                _ = session.handle(key)
            }
            for _ in 0..<2000 {
                for key: Key in [.right, .text("ab"), .backspace] { _ = session.handle(key) }
            }
        }
        #expect(session.buffer.clusters.count == 102_001 && time < .seconds(20))
    }

    @Test func historyKeepsTheNewLine() {
        let history = ["first", "second"]
        #expect(edit([.text("new"), .up], history: history) == "second")
        #expect(edit([.text("new"), .up, .up, .up], history: history) == "first")
        #expect(edit([.text("new"), .up, .down], history: history) == "new")
    }
}
