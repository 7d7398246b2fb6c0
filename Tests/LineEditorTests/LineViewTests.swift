import Testing

@testable import LineEditor

@Suite struct LineViewTests {
    private static let mark = "\u{1B}[7m"

    private func row(_ text: String, left: Int = 0, columns: Int) -> String {
        var line = LineBuffer(text)
        line.move(to: line.cursor - left)
        var view = LineView()
        let written = view.draw("> ", line, columns: columns)
        // Without the part that writes the text before the cursor again.
        let once = String(written.split(separator: "\u{1B}[K")[0])
        return once.replacing(Self.mark, with: "").replacing("\u{1B}[27m", with: "").replacing(
            "\u{1B}[?7l",
            with: ""
        )
        .replacing("\r", with: "")
    }

    @Test func whatFitsIsShownWhole() {
        #expect(row("abcdef", columns: 10) == "> abcdef")
        #expect(row("abcdef", left: 6, columns: 10) == "> abcdef")
    }

    @Test func whatIsHiddenIsMarked() {
        #expect(row("abcdefg", columns: 10) == "<abcdefg")
        #expect(row("abcdefghijklmnop", columns: 10) == "<jklmnop")
        #expect(row("abcdefghijklmnop", left: 16, columns: 10) == "> abcde>")
        #expect(row("abcdefghijklmnop", left: 8, columns: 10) == "<fghijk>")
    }

    @Test func controlCharactersCountAsTheyAreWritten() {
        #expect(DisplayWidth.columns(of: "\u{7F}") == 2 && DisplayWidth.shown("\u{7F}") == "^?")
        #expect(DisplayWidth.columns(of: "\u{9B}") == 8 && DisplayWidth.shown("\u{9B}") == "<U+009B>")
        #expect(DisplayWidth.columns(of: "\t") == 2 && DisplayWidth.shown("\t") == "^I")
        #expect(row("\u{7F}\u{7F}\u{7F}\u{7F}", columns: 10) == "<^?^?^?")
    }

    @Test func aClusterWiderThanTheRowIsMarkedAsHidden() {
        #expect(row("👨‍👩‍👧‍👦", columns: 4) == "<")
        #expect(row("x👨‍👩‍👧‍👦y", left: 1, columns: 8).contains("y"))
    }

    @Test(arguments: 1..<60) func theCursorStaysOnTheRow(columns: Int) {
        for text in [
            "", "abc", "漢字漢字漢字漢字", "a\u{7F}b\u{9B}c\u{1}d", String(repeating: "xyz", count: 30), "👨‍👩‍👧‍👦👨‍👩‍👧‍👦e\u{301}",
        ] {
            let line = LineBuffer(text)
            for cursor in 0...line.clusters.count {
                var moved = line
                moved.move(to: cursor)
                var view = LineView()
                _ = view.draw("Enter a String: ", moved, columns: columns)
                #expect(view.cursorColumn < max(2, columns))
            }
        }
    }
}
