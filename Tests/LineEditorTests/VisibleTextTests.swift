import Testing

@testable import LineEditor

@Suite struct VisibleTextTests {
    private func visible(_ bytes: [UInt8]) -> [UInt8] {
        var filter = VisibleText()
        return filter.visible(bytes)
    }

    @Test(arguments: [
        ("plain é 漢 👨‍👩‍👧\n\tx", "plain é 漢 👨‍👩‍👧\n\tx"), ("\u{1B}]0;x\u{7}", "^[]0;x^G"),
        ("a\rb\u{0}\u{7F}", "a^Mb^@^?"),
        ("\u{9B}31m\u{9D}0;x\u{9C}\u{80}\u{9F}", "<U+009B>31m<U+009D>0;x<U+009C><U+0080><U+009F>"),
        ("\u{A0}\u{E0}", "\u{A0}\u{E0}"),
        ("\u{8}\u{C}\u{E}", "^H^L^N"),
    ])
    func controlCharactersAreShown(text: String, shown: String) {
        #expect(VisibleText.visible(text) == shown)
    }

    @Test func strayBytesOfC1AreShownAndOthersStay() {
        #expect(visible([0x9B, 0x41]) == Array("<9B>A".utf8))
        #expect(visible([0xFF, 0xC3, 0x41, 0xA9]) == [0xFF, 0xC3, 0x41, 0xA9])
        // An incomplete character does not hide the following one.
        #expect(visible([0xE2, 0x1B, 0x9B]) == [0xE2] + Array("^[<9B>".utf8))
        #expect(visible([0xC2, 0xC2, 0x9B]) == [0xC2] + Array("<U+009B>".utf8))
    }

    @Test func piecesOfAnySizeHideNothing() {
        let text = Array("a\u{1B}é\u{9B}漢\u{7F}\u{80}".utf8) + [0x9B, 0xC2]
        for cut in 0...text.count {
            var filter = VisibleText()
            let joined = filter.visible(text[..<cut]) + filter.visible(text[cut...])
            // If C1 itself is divided, its first byte has been passed on.
            let passed = cut > 0 && cut < text.count && text[cut - 1] == 0xC2 && text[cut] < 0xA0
            #expect(joined.count == visible(text).count + (passed ? 1 : 0))
            #expect(!joined.contains(0x1B) && !joined.contains(0x7F))
        }
    }

    @Test func noControlCharacterOfAnyBytePairComesThrough() {
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                let shown = visible([first, second])
                #expect(!shown.contains { $0 < 0x20 && $0 != 0x09 && $0 != 0x0A || $0 == 0x7F })
                let stray = shown.indices.contains {
                    0x80..<0xA0 ~= shown[$0] && ($0 == 0 || !(0xC3..<0xF5 ~= shown[$0 - 1]))
                }
                #expect(!stray, "\(first) \(second)")
            }
        }
    }
}
