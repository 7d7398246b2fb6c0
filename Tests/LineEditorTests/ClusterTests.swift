import Testing

@testable import LineEditor

/// One key moves over or removes a character that the server keeps whole, even if it is several of Swift's `Character`.
@Suite struct ClusterTests {
    private func edit(_ keys: [Key]) -> String {
        var session = EditSession(history: [])
        for key in keys { _ = session.handle(key) }
        return session.buffer.text
    }

    /// Khmer, Myanmar, Balinese, Javanese, Chakma, and Kirat Rai vowels.
    @Test(arguments: [
        "\u{179F}\u{17D2}\u{178F}", "\u{1019}\u{1039}\u{1018}", "\u{1B13}\u{1B44}\u{1B13}",
        "\u{A98F}\u{A9C0}\u{A98F}", "\u{11107}\u{11133}\u{11107}", "\u{16D67}\u{16D67}",
    ])
    func aConjunctIsOneThing(conjunct: String) {
        #expect(conjunct.count == 2, "Character has learnt it: this shows nothing any more")
        #expect(edit([.text("a\(conjunct)b"), .left, .left, .text("X")]) == "aX\(conjunct)b")
        #expect(edit([.text("a\(conjunct)b"), .left, .backspace]) == "ab")
        #expect(edit([.text("a\(conjunct)b"), .home, .right, .delete]) == "ab")
    }

    @Test func aLinkerTypedBetweenConsonantsJoinsThem() {
        #expect(edit([.text("\u{179F}\u{178F}"), .left, .text("\u{17D2}"), .backspace]) == "")
    }
}
