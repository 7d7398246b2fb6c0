import ReverseCore
import TestSupport
import Testing

@Suite struct ReversalTests {
    @Test(arguments: [
        ("", ""),
        ("a", "a"),
        ("ADVANCE", "ECNAVDA"),
        ("AKASH", "HSAKA"),
        ("e\u{301}a", "ae\u{301}"),
        ("na\u{EF}vet\u{E9}", "\u{E9}tev\u{EF}an"),
        ("привет мир", "рим тевирп"),
        ("漢字かな", "なか字漢"),
        ("한국어", "어국한"),
        (
            "\u{1112}\u{1161}\u{11AB}\u{1100}\u{116E}\u{11A8}",
            "\u{1100}\u{116E}\u{11A8}\u{1112}\u{1161}\u{11AB}"
        ),
        ("👨‍👩‍👧‍👦!", "!👨‍👩‍👧‍👦"),
        ("👍🏽👎🏿", "👎🏿👍🏽"),
        ("🇫🇷🇩🇪🇯🇵", "🇯🇵🇩🇪🇫🇷"),
        ("🇫🇷🇩", "🇩🇫🇷"),
        ("1️⃣2️⃣", "2️⃣1️⃣"),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿x", "x🏴󠁧󠁢󠁥󠁮󠁧󠁿"),
        ("नमस्ते", "स्तेमन"),
        ("क्षत्रिय", "यत्रिक्ष"),
        ("\u{600}12", "2\u{600}1"),
        ("a\r\nb", "b\r\na"),
        ("a\n\rb", "b\r\na"),
        ("\0a\0b", "b\0a\0"),
        ("\u{301}a", "a\u{301}"),
    ])
    func characters(line: String, reversed: String) {
        #expect(hex(ReversalUnit.character.reversed(Array(line.utf8))) == hex(Array(reversed.utf8)))
    }

    @Test(arguments: [
        ("ae\u{301}", "\u{301}ea"),
        ("🇫🇷", "\u{1F1F7}\u{1F1EB}"),
        ("a\r\nb", "b\n\ra"),
        ("🙂é漢b", "b漢é🙂"),
    ])
    func scalars(line: String, reversed: String) {
        #expect(hex(ReversalUnit.scalar.reversed(Array(line.utf8))) == hex(Array(reversed.utf8)))
    }

    @Test func bytes() {
        #expect(ReversalUnit.byte.reversed([0xC3, 0xA9, 0x41, 0xFF]) == [0xFF, 0x41, 0xA9, 0xC3])
        #expect(ReversalUnit.byte.reversed([]) == [])
    }

    @Test(arguments: TextCorpus.illFormed, [ReversalUnit.scalar, .character])
    func eachIllFormedByteIsAUnitByItself(bytes: [UInt8], unit: ReversalUnit) {
        let well = Array("é".utf8)
        #expect(unit.reversed(well + bytes + well) == well + referenceReversal(bytes, unit: unit) + well)
        #expect(unit.reversed(well + bytes) == referenceReversal(bytes, unit: unit) + well)
        #expect(unit.reversed(bytes + well) == well + referenceReversal(bytes, unit: unit))
    }

    @Test func illFormedBytesEndTheCharacterBeforeThem() {
        #expect(ReversalUnit.character.reversed([0x41, 0xFF, 0xCC, 0x81]) == [0xCC, 0x81, 0xFF, 0x41])
        #expect(ReversalUnit.character.reversed([0x41, 0xCC, 0x81, 0xCC]) == [0xCC, 0x41, 0xCC, 0x81])
        #expect(ReversalUnit.character.reversed([0x0D, 0xFF, 0x0A]) == [0x0A, 0xFF, 0x0D])
        #expect(ReversalUnit.character.reversed([0xE0, 0x80, 0x80]) == [0x80, 0x80, 0xE0])
    }

    @Test func aSpanIsReversedInPlace() {
        var line = Array("🇫🇷 et 🇩🇪".utf8)
        var span = line.mutableSpan
        var bytes = span.mutableBytes
        ReversalUnit.character.reverse(&bytes)
        #expect(line == Array("🇩🇪 te 🇫🇷".utf8))
    }

    @Test func aBufferWithoutMemoryIsAnEmptyLine() {
        for unit in ReversalUnit.allCases {
            unit.reverse(UnsafeMutableRawBufferPointer(start: nil, count: 0))
        }
    }
}
