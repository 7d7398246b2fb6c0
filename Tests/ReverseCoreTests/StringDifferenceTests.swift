import TestSupport
import Testing

@testable import ReverseCore

/// The differences between Swift's own `Character` (Swift 6.3) and the grapheme clusters of Unicode 17.0. If a new toolchain
/// fails here, update this list and docs/characters.md.
@Suite struct StringDifferenceTests {
    /// Swift's GB9c knows the six linkers of Unicode 15.1. These 14 came later; to Swift they are marks that
    /// join the consonant before them but not the one after.
    static let newLinkers: [Unicode.Scalar] = [
        "\u{1039}", "\u{17D2}", "\u{1A60}", "\u{1B44}", "\u{1BAB}", "\u{A9C0}", "\u{AAF6}", "\u{10A3F}",
        "\u{11133}", "\u{113D0}", "\u{1193E}", "\u{11A47}", "\u{11A99}", "\u{11F42}",
    ]

    /// The vowels of Kirat Rai have the class of a Hangul vowel since Unicode 16.0, because they compose as these do
    /// (U+16D68 is U+16D67 twice). Swift treats only Hangul in this way.
    static let kiratRaiVowels: [Unicode.Scalar] = [
        "\u{16D63}", "\u{16D67}", "\u{16D68}", "\u{16D69}", "\u{16D6A}",
    ]

    @Test func everyScalarThatDiffersIsListed() {
        let toolchain = ToolchainClasses()
        for scalar in allScalars {
            let ours = GraphemeClass(UnicodeData.committed[scalar])
            let theirs = toolchain(scalar)
            if Self.newLinkers.contains(scalar) {
                #expect(ours == .linker && theirs == .extend, "\(scalar.escaped(asASCII: true))")
            } else if Self.kiratRaiVowels.contains(scalar) {
                #expect(ours == .hangulV && theirs == .other, "\(scalar.escaped(asASCII: true))")
            } else if ours != theirs {
                Issue.record("\(scalar.escaped(asASCII: true)) is \(theirs) to Swift")
            }
        }
    }

    /// No rule differs, only the classes of these scalars.
    @Test(arguments: UInt64(400)..<420)
    func textWithoutTheseScalarsBreaksAsStringDoes(seed: UInt64) {
        let differing = Set(Self.newLinkers + Self.kiratRaiVowels)
        var corpus = TextCorpus(seed: seed)
        for number in 0..<250 {
            var text = number % 2 == 0 ? corpus.text() : corpus.mixedText()
            text.unicodeScalars.removeAll(where: differing.contains)
            #expect(
                GraphemeCluster.split(text) == text.map { String($0) },
                "text \(number) of seed \(seed): \(hex(Array(text.utf8)))"
            )
        }
    }

    @Test func whatDiffersIsWholeHereAndInPiecesThere() {
        for linker in Self.newLinkers {
            let conjunct = "\u{915}\(linker)\u{915}"
            #expect(GraphemeCluster.split(conjunct) == [conjunct] && conjunct.count == 2)
        }
        for vowel in Self.kiratRaiVowels {
            let twice = "\(vowel)\(vowel)"
            #expect(GraphemeCluster.split(twice) == [twice] && twice.count == 2)
        }
    }
}
