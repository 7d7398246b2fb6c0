import Testing

@testable import ReverseCore

/// The rules of `GraphemeState` against `Character`, on every sequence of classes up to a length.
@Suite struct GraphemeStateTests {
    private static let representatives: [GraphemeClass: Unicode.Scalar] = [
        .other: "a", .control: "\u{1}", .carriageReturn: "\r", .lineFeed: "\n", .extend: "\u{301}",
        .nonJoiner: "\u{200C}", .joiner: "\u{200D}", .linker: "\u{94D}", .spacingMark: "\u{903}",
        .prepend: "\u{600}", .regionalIndicator: "\u{1F1E6}", .hangulL: "\u{1100}", .hangulV: "\u{1161}",
        .hangulT: "\u{11A8}", .hangulLV: "\u{AC00}", .hangulLVT: "\u{AC01}", .pictograph: "\u{1F600}",
        .consonant: "\u{915}",
    ]

    @Test func everySequenceOfFourClassesBreaksAsStringDoes() throws {
        #expect(Self.representatives.count == GraphemeClass.allCases.count)
        var sequences: [[GraphemeClass]] = [[]]
        for _ in 1...4 {
            sequences = sequences.flatMap { sequence in GraphemeClass.allCases.map { sequence + [$0] } }
            for sequence in sequences {
                var text = String.UnicodeScalarView()
                text.append(contentsOf: sequence.compactMap { Self.representatives[$0] })
                let lengths = String(text).map(\.unicodeScalars.count)
                if clusterLengths(of: sequence) != lengths {
                    Issue.record("\(sequence): \(clusterLengths(of: sequence)), String says \(lengths)")
                }
            }
        }
    }

    /// Longer sequences, of the classes that have a memory.
    @Test func longSequencesOfJoiningClassesBreakAsStringDoes() {
        let joining: [GraphemeClass] = [
            .other, .extend, .nonJoiner, .joiner, .linker, .pictograph, .consonant,
        ]
        var sequences: [[GraphemeClass]] = [[]]
        for _ in 1...6 { sequences = sequences.flatMap { sequence in joining.map { sequence + [$0] } } }
        for sequence in sequences {
            var text = String.UnicodeScalarView()
            text.append(contentsOf: sequence.compactMap { Self.representatives[$0] })
            if clusterLengths(of: sequence) != String(text).map(\.unicodeScalars.count) {
                Issue.record("\(sequence): \(clusterLengths(of: sequence))")
            }
        }
    }

    /// The walk over a line may begin anew at any boundary.
    @Test func noRuleReachesBackOverABoundary() {
        for state in GraphemeState.allCases {
            for scalar in GraphemeClass.allCases where state.isBoundary(before: scalar) {
                #expect(
                    state.next(after: scalar) == GraphemeState.start.next(after: scalar),
                    "\(state), \(scalar)"
                )
            }
        }
    }

    private func clusterLengths(of sequence: [GraphemeClass]) -> [Int] {
        var lengths: [Int] = []
        var row = GraphemeTransition.row(of: .start)
        for scalar in sequence {
            let transition = GraphemeTransition.table[row + scalar.code]
            if transition.isBoundary { lengths.append(0) }
            lengths[lengths.count - 1] += 1
            row = transition.nextRow
        }
        return lengths
    }
}
