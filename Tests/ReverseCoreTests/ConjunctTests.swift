import ReverseCore
import TestSupport
import Testing

/// Rule GB9c in each script with a linker: consonants that it joins stay together.
@Suite struct ConjunctTests {
    struct Script: CustomTestStringConvertible {
        let testDescription: String
        let linker: Unicode.Scalar
        let consonants: [Unicode.Scalar]

        /// A script whose consonants are those in `blocks`.
        init(_ name: String, _ linker: Unicode.Scalar, _ blocks: ClosedRange<Unicode.Scalar>...) {
            testDescription = name
            self.linker = linker
            consonants = allConsonants.filter { consonant in blocks.contains { $0.contains(consonant) } }
        }
    }

    static let scripts = [
        Script("Devanagari", "\u{94D}", "\u{900}"..."\u{97F}"),
        Script("Bengali", "\u{9CD}", "\u{980}"..."\u{9FF}"),
        Script("Gujarati", "\u{ACD}", "\u{A80}"..."\u{AFF}"),
        Script("Oriya", "\u{B4D}", "\u{B00}"..."\u{B7F}"),
        Script("Telugu", "\u{C4D}", "\u{C00}"..."\u{C7F}"),
        Script("Malayalam", "\u{D4D}", "\u{D00}"..."\u{D7F}"),
        Script(
            "Myanmar",
            "\u{1039}",
            "\u{1000}"..."\u{109F}",
            "\u{A9E0}"..."\u{A9FF}",
            "\u{AA60}"..."\u{AA7F}"
        ),
        Script("Khmer", "\u{17D2}", "\u{1780}"..."\u{17FF}"),
        Script("Tai Tham", "\u{1A60}", "\u{1A20}"..."\u{1AAF}"),
        Script("Balinese", "\u{1B44}", "\u{1B00}"..."\u{1B7F}"),
        Script("Sundanese", "\u{1BAB}", "\u{1B80}"..."\u{1BBF}"),
        Script("Javanese", "\u{A9C0}", "\u{A980}"..."\u{A9DF}"),
        Script("Meetei Mayek", "\u{AAF6}", "\u{AAE0}"..."\u{AAFF}", "\u{ABC0}"..."\u{ABFF}"),
        Script("Kharoshthi", "\u{10A3F}", "\u{10A00}"..."\u{10A5F}"),
        Script("Chakma", "\u{11133}", "\u{11100}"..."\u{1114F}"),
        Script("Tulu-Tigalari", "\u{113D0}", "\u{11380}"..."\u{113FF}"),
        Script("Dives Akuru", "\u{1193E}", "\u{11900}"..."\u{1195F}"),
        Script("Zanabazar Square", "\u{11A47}", "\u{11A00}"..."\u{11A4F}"),
        Script("Soyombo", "\u{11A99}", "\u{11A50}"..."\u{11AAF}"),
        Script("Kawi", "\u{11F42}", "\u{11F00}"..."\u{11F5F}"),
    ]

    private static let allConsonants = allScalars.filter { UnicodeData.committed[$0].conjunct == .consonant }

    @Test func theseAreAllLinkersAndAllConsonants() {
        let linkers = allScalars.filter { UnicodeData.committed[$0].conjunct == .linker }
        #expect(Self.scripts.map(\.linker).sorted() == linkers)
        #expect(Self.scripts.flatMap(\.consonants).sorted() == Self.allConsonants)
    }

    @Test(arguments: scripts)
    func anyTwoConsonantsThatAreTiedStayTogether(script: Script) {
        for first in script.consonants {
            for second in script.consonants { expectUnits([[first, script.linker, second]]) }
        }
    }

    /// Marks and U+200D between the consonants change nothing; U+200C, a spacing vowel or a missing linker separates them.
    @Test(arguments: scripts)
    func whatStandsBetweenTheConsonantsDecides(script: Script) throws {
        let linker = script.linker
        for consonant in script.consonants {
            expectUnits([[consonant, linker, "\u{200D}", consonant]])
            expectUnits([[consonant, "\u{200D}", linker, consonant]])
            expectUnits([[consonant, "\u{301}", linker, linker, "\u{301}", consonant]])
            expectUnits([[consonant, linker, consonant, linker, consonant, "\u{301}"]])
            expectUnits([[consonant, linker, "\u{200C}"], [consonant]])
            expectUnits([[consonant, "\u{200C}", linker], [consonant]])
            expectUnits([[consonant, "\u{903}", linker], [consonant]])
            expectUnits([[consonant, "\u{301}"], [consonant, linker]])
            expectUnits([["a", linker], [consonant, linker], ["a", linker], [consonant]])
        }
    }

    /// The linker of one script joins consonants of another: the rule does not depend on the script.
    @Test func everyLinkerTiesEveryConsonant() {
        for script in Self.scripts {
            for consonant in Self.allConsonants { expectUnits([["\u{915}", script.linker, consonant]]) }
        }
    }

    @Test(arguments: scripts, TextCorpus.illFormed)
    func illFormedBytesSeparateTheConsonants(script: Script, bytes: [UInt8]) throws {
        let consonant = try #require(script.consonants.first)
        let head = utf8([consonant, script.linker])
        let tail = utf8([consonant])
        let reversedBytes = referenceReversal(bytes, unit: .character)
        #expect(ReversalUnit.character.reversed(head + bytes + tail) == tail + reversedBytes + head)
        let apart = tail + bytes + utf8([script.linker, consonant])
        #expect(ReversalUnit.character.reversed(apart) == referenceReversal(apart, unit: .character))
    }

    /// Expects the line of these units to come back with the units in reverse order.
    private func expectUnits(_ units: [[Unicode.Scalar]]) {
        let reversed = ReversalUnit.character.reversed(utf8(Array(units.joined())))
        if reversed != utf8(Array(units.reversed().joined())) {
            Issue.record("\(units.joined().map { $0.escaped(asASCII: true) }.joined()): \(hex(reversed))")
        }
    }

    private func utf8(_ scalars: [Unicode.Scalar]) -> [UInt8] {
        Array(String(String.UnicodeScalarView(scalars)).utf8)
    }
}
