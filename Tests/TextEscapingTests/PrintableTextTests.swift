import Testing
import TextEscaping

@Suite("Outside text that is safe to show")
struct PrintableTextTests {
    @Test("Line ends, control characters and direction changes are escaped, the rest stays")
    func escape() {
        #expect(PrintableText.escape("plain é 👨‍👩‍👧 \\ \"") == "plain é 👨‍👩‍👧 \\ \"")
        #expect(PrintableText.escape("a\nb\r\tc") == "a\\nb\\r\\tc")
        #expect(PrintableText.escape("\u{1B}[31m\u{0}\u{7F}\u{9B}") == "\\x1b[31m\\x00\\x7f\\x9b")
        #expect(
            PrintableText.escape("\u{202E}\u{2066}\u{2028}\u{61C}") == "\\u{202e}\\u{2066}\\u{2028}\\u{61c}"
        )
    }

    @Test("In quotes, so that TOML and JSON can read it")
    func quoted() {
        #expect(PrintableText.quoted("") == "\"\"")
        #expect(PrintableText.quoted("a\"b\\c é") == "\"a\\\"b\\\\c é\"")
        #expect(
            PrintableText.quoted("\t\n\u{1}\u{7F}\u{9B}\u{202E}") == "\"\\t\\n\\u0001\\u007F\\u009B\\u202E\""
        )
    }

    @Test("An excerpt is escaped and at most 200 bytes long")
    func excerpt() {
        #expect(PrintableText.excerpt("a\n") == "a\\n")
        #expect(PrintableText.excerpt(String(repeating: "é", count: 500)).utf8.count <= 200)
    }

    @Test("Clipping keeps whole characters")
    func clip() {
        #expect(PrintableText.clip("abc", toUTF8Count: 3) == "abc")
        #expect(PrintableText.clip("ééééé", toUTF8Count: 8) == "éé…")
        #expect(PrintableText.clip("👨‍👩‍👧👨‍👩‍👧", toUTF8Count: 25) == "👨‍👩‍👧…")
    }
}
