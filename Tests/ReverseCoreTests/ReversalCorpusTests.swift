import ReverseCore
import TestSupport
import Testing

/// Reversal against `referenceReversal`, on generated texts. A failure names the seed that repeats it.
@Suite struct ReversalCorpusTests {
    @Test(arguments: UInt64(0)..<40, ReversalUnit.allCases)
    func wellFormedTextComesBackAsTheReferenceReversesIt(seed: UInt64, unit: ReversalUnit) {
        var corpus = TextCorpus(seed: seed)
        for number in 0..<250 {
            let bytes = Array((number % 2 == 0 ? corpus.text() : corpus.mixedText()).utf8)
            #expect(
                unit.reversed(bytes) == referenceReversal(bytes, unit: unit),
                "text \(number) of seed \(seed): \(hex(bytes))"
            )
        }
    }

    @Test(arguments: UInt64(100)..<120, ReversalUnit.allCases)
    func illFormedTextComesBackAsTheReferenceReversesIt(seed: UInt64, unit: ReversalUnit) {
        var corpus = TextCorpus(seed: seed)
        for number in 0..<100 {
            let bytes = corpus.illFormedText()
            #expect(
                unit.reversed(bytes) == referenceReversal(bytes, unit: unit),
                "text \(number) of seed \(seed): \(hex(bytes))"
            )
        }
    }

    @Test(arguments: UInt64(200)..<220, ReversalUnit.allCases)
    func randomBytesComeBackAsTheReferenceReversesThem(seed: UInt64, unit: ReversalUnit) {
        var generator = SeededGenerator(seed: seed)
        for number in 0..<100 {
            let alphabet: [UInt8] = generator.pick([
                Array(0...255), [0xE0, 0xED, 0xF0, 0xF4, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF],
                [0x0D, 0x0A, 0x41, 0xCC, 0x81],
            ])
            let bytes = (0..<generator.number(0...80)).map { _ in generator.pick(alphabet) }
            #expect(
                unit.reversed(bytes) == referenceReversal(bytes, unit: unit),
                "bytes \(number) of seed \(seed): \(hex(bytes))"
            )
        }
    }

    @Test(arguments: UInt64(300)..<310)
    func scalarsAndBytesTwiceReversedAreAsBefore(seed: UInt64) {
        var corpus = TextCorpus(seed: seed)
        for _ in 0..<100 {
            let text = Array(corpus.text().utf8)
            #expect(ReversalUnit.scalar.reversed(ReversalUnit.scalar.reversed(text)) == text)
            let bytes = corpus.illFormedText()
            #expect(ReversalUnit.byte.reversed(ReversalUnit.byte.reversed(bytes)) == bytes)
        }
    }
}

func hex(_ bytes: [UInt8]) -> String { bytes.map { String($0, radix: 16) }.joined(separator: " ") }
