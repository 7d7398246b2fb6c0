import TestSupport
import Testing

@testable import ReverseCore

/// The automaton of `GraphemeState` against the rules one by one, on every sequence of classes up to a length.
@Suite struct GraphemeStateTests {
    /// Every combination of properties that occurs.
    private static let representatives = Array(Set(allScalars.map { UnicodeData.committed[$0] }))

    @Test func everyCombinationOfPropertiesIsAClass() {
        #expect(Set(Self.representatives.map(GraphemeClass.init)) == Set(GraphemeClass.allCases))
        #expect(Self.representatives.count == GraphemeClass.allCases.count)
    }

    @Test func everySequenceOfFourClassesBreaksAsTheRulesSay() throws {
        var sequences: [[ScalarProperties]] = [[]]
        for _ in 1...4 {
            sequences = sequences.flatMap { sequence in Self.representatives.map { sequence + [$0] } }
            for sequence in sequences { try expectBreaksByRules(sequence) }
        }
    }

    /// Longer sequences, of the classes that depend on earlier scalars.
    @Test func longSequencesOfJoiningClassesBreakAsTheRulesSay() throws {
        let joining = Self.representatives.filter {
            [.extend, .joiner].contains($0.breaking) || $0.conjunct == .consonant || $0.isPictographic
                || $0 == ScalarProperties()
        }
        #expect(joining.count == 7)
        var sequences: [[ScalarProperties]] = [[]]
        for _ in 1...6 { sequences = sequences.flatMap { sequence in joining.map { sequence + [$0] } } }
        for sequence in sequences { try expectBreaksByRules(sequence) }
    }

    @Test func flagsArePairedFromTheirStart() throws {
        for count in 1...9 {
            for first in Self.representatives {
                let halves = Array(repeating: ScalarProperties(breaking: .regionalIndicator), count: count)
                try expectBreaksByRules([first] + halves)
            }
        }
    }

    /// Segmentation may start again at any boundary.
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

    private func expectBreaksByRules(_ sequence: [ScalarProperties]) throws {
        var lengths: [Int] = []
        var row = GraphemeTransition.row(of: .start)
        for properties in sequence {
            let transition = GraphemeTransition.table[row + (try #require(GraphemeClass(properties))).code]
            if transition.isBoundary { lengths.append(0) }
            lengths[lengths.count - 1] += 1
            row = transition.nextRow
        }
        if lengths != BreaksByRules(sequence).clusterLengths { Issue.record("\(sequence): \(lengths)") }
    }
}
