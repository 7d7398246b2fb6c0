import Testing

@testable import LineEditor

@Suite struct KeyDecoderTests {
    /// The keys of `bytes`, fed at once and one by one, which must be the same.
    private func keys(_ bytes: [UInt8]) -> [Key] {
        var whole = KeyDecoder()
        let once = whole.decode(bytes)
        var slow = KeyDecoder()
        var joined: [Key] = []
        for key in bytes.flatMap({ slow.decode([$0]) }) {
            if case .text(let more) = key, case .text(let text)? = joined.last {
                joined[joined.count - 1] = .text(text + more)
            } else {
                joined.append(key)
            }
        }
        #expect(joined == once)
        return once
    }

    private func keys(_ text: String) -> [Key] { keys(Array(text.utf8)) }

    @Test func textOfEveryLengthOfCharacter() {
        #expect(keys("aé漢👨‍👩‍👧") == [.text("aé漢👨‍👩‍👧")])
    }

    @Test(arguments: [
        ("\u{1B}[A", Key.up), ("\u{1B}OB", .down), ("\u{1B}[C", .right), ("\u{1B}[D", .left),
        ("\u{1B}[H", .home), ("\u{1B}[4~", .end), ("\u{1B}[3~", .delete), ("\u{1B}[1;5C", .wordRight),
        ("\u{1B}[1;5D", .wordLeft), ("\u{1B}b", .wordLeft), ("\u{1B}f", .wordRight), ("\u{7F}", .backspace),
        ("\u{3}", .interrupt), ("\u{4}", .endOfInput), ("\r", .enter), ("\n", .enter),
        ("\u{1B}[99~", .unknown),
        ("\u{1B}[15;2~", .unknown), ("\t", .text("\t")),
    ])
    func keysOfTheKeyboard(bytes: String, key: Key) {
        #expect(keys(bytes) == [key])
        #expect(keys("x" + bytes + "y").contains { $0 != .text("x") && $0 != .text("y") })
    }

    @Test func aPasteIsTextAndItsLineEndsAreEnter() {
        #expect(
            keys("\u{1B}[200~one\r\ntwo\nthree\u{1B}[A\u{3}\u{1B}[201~\u{3}") == [
                .text("one"), .enter, .text("two"), .enter, .text("three\u{1B}[A\u{3}"), .interrupt,
            ]
        )
    }

    @Test func illFormedBytesBecomeReplacementsAndNothingIsLost() {
        #expect(keys([0x61, 0xFF, 0x62, 0xC3, 0x28, 0x80]) == [.text("a\u{FFFD}b\u{FFFD}(\u{FFFD}")])
    }

    @Test func aLoneEscapeIsGivenUp() {
        var decoder = KeyDecoder()
        #expect(decoder.decode([0x1B]) == [] && decoder.isWaiting)
        #expect(decoder.giveUpWaiting() == [.unknown] && !decoder.isWaiting)
        #expect(decoder.decode([0x61]) == [.text("a")])
    }
}
