import CWideText
import Testing

@testable import ReverseCore

/// The text that the vector steps accept without grapheme classes.
@Suite struct WideTextTests {
    private static let plain: Set<GraphemeClass> = [
        .other, .control, .lineFeed, .pictograph, .consonant, .hangulLV, .hangulLVT,
    ]

    private static let joining: [Unicode.Scalar] = {
        let plainCodes = Set(plain.map(\.code))
        return allScalars.filter { !plainCodes.contains(GraphemeClass.code(of: $0.value)) }
    }()

    @Test func betweenPlainScalarsIsAlwaysABoundary() {
        for first in Self.plain {
            for second in Self.plain {
                #expect(
                    GraphemeState.start.next(after: first).isBoundary(before: second),
                    "\(first), \(second)"
                )
            }
        }
    }

    /// At the start of a block, in its middle, across its end, and after it.
    @Test(arguments: [0, 13, 29, 30, 31, 40])
    func noScalarIsAcceptedThatMayJoinAnother(position: Int) {
        for scalar in Self.joining where scalar != "\n" && acceptedBytes(of: scalar, at: position) > position
        {
            Issue.record("U+\(String(scalar.value, radix: 16)) accepted")
        }
    }

    /// Otherwise the tests above would pass for a step that refuses everything.
    @Test(
        arguments: [
            "\u{20}"..."\u{2FF}", "\u{384}"..."\u{482}", "\u{4E00}"..."\u{9FFF}", "\u{3041}"..."\u{3096}",
            "\u{AC00}"..."\u{D77F}", "\u{1E00}"..."\u{1FFF}", "\u{5D0}"..."\u{5EA}", "\u{61B}"..."\u{64A}",
            "\u{2010}"..."\u{2029}", "\u{FF01}"..."\u{FF7F}",
        ] as [ClosedRange<Unicode.Scalar>]
    )
    func whatMostLinesAreMadeOfIsAccepted(range: ClosedRange<Unicode.Scalar>) throws {
        for value in range.lowerBound.value...range.upperBound.value where !(0x7F...0x9F).contains(value) {
            let scalar = try #require(Unicode.Scalar(value))
            if value == 0x5FF { continue }
            #expect(
                acceptedBytes(of: scalar, at: 20) == 20 + UTF8.width(scalar) + 40,
                "U+\(String(value, radix: 16))"
            )
        }
    }

    @Test(arguments: TextCorpus.illFormed)
    func illFormedBytesAreRefused(bytes: [UInt8]) {
        for position in 0...70 {
            let text = [UInt8](repeating: 0x61, count: position) + bytes + [UInt8](repeating: 0x62, count: 40)
            #expect(accepted(text) <= position)
            #expect(accepted([UInt8](repeating: 0x61, count: position) + bytes) <= position)
        }
    }

    /// How many bytes are done of `position` letters, the scalar, and 40 letters.
    private func acceptedBytes(of scalar: Unicode.Scalar, at position: Int) -> Int {
        withUnsafeTemporaryAllocation(byteCount: position + 44, alignment: 1) { memory in
            memory.copyBytes(from: repeatElement(0x61, count: memory.count))
            let width = UTF8.width(scalar)
            memory[position..<position + width].copyBytes(from: UTF8.encode(scalar) ?? UTF8.EncodedScalar())
            return wide_reverse_within_plain_scalars(memory.baseAddress, position + width + 40)
        }
    }

    private func accepted(_ bytes: [UInt8]) -> Int {
        var bytes = bytes
        return bytes.withUnsafeMutableBytes { wide_reverse_within_plain_scalars($0.baseAddress, $0.count) }
    }
}
