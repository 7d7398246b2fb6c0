/// Where one grapheme cluster ends and the next begins: rules GB1 to GB999 of UAX #29, as an automaton that has
/// read some scalars and tells whether there is a boundary before the next.
///
/// `isBoundary(before:)` and `next(after:)` say the rules; the loop over a text reads their answers from
/// `GraphemeTransition.table`. The tests hold them to an implementation that says each rule by itself.
enum GraphemeState: UInt8, CaseIterable {
    /// At the start of the text, or after a control: whatever comes begins a cluster.
    case start
    case carriageReturn
    /// After a scalar that only marks can join.
    case other
    case prepend
    /// After the first half of a flag.
    case halfFlag
    case hangulL
    /// After a vowel, or a syllable that ends in one.
    case hangulV
    /// After a trailing consonant, or a syllable that ends in one.
    case hangulT
    /// After a pictograph and any number of extends.
    case pictograph
    /// The same, and a joiner.
    case joinedPictograph
    /// After an Indic consonant and any number of extends and joiners.
    case consonant
    /// The same, with a linker among them.
    case linkedConsonant
}

extension GraphemeState {
    /// Whether a cluster ends between what was read and a scalar of class `scalar`.
    func isBoundary(before scalar: GraphemeClass) -> Bool {
        switch (self, scalar) {
        case (.carriageReturn, .lineFeed): false  // GB3
        case (.start, _), (.carriageReturn, _): true  // GB1, GB4
        case (_, .control), (_, .carriageReturn), (_, .lineFeed): true  // GB5
        case (.hangulL, .hangulL), (.hangulL, .hangulV), (.hangulL, .hangulLV), (.hangulL, .hangulLVT):
            false  // GB6
        case (.hangulV, .hangulV), (.hangulV, .hangulT): false  // GB7
        case (.hangulT, .hangulT): false  // GB8
        case (_, .extend), (_, .nonJoiner), (_, .linker), (_, .joiner): false  // GB9
        case (_, .spacingMark): false  // GB9a
        case (.prepend, _): false  // GB9b
        case (.linkedConsonant, .consonant): false  // GB9c
        case (.joinedPictograph, .pictograph): false  // GB11
        case (.halfFlag, .regionalIndicator): false  // GB12, GB13
        default: true  // GB999
        }
    }

    /// The state once a scalar of class `scalar` has been read.
    func next(after scalar: GraphemeClass) -> GraphemeState {
        switch (self, scalar) {
        case (_, .control), (_, .lineFeed): .start
        case (_, .carriageReturn): .carriageReturn
        case (_, .prepend): .prepend
        case (_, .hangulL): .hangulL
        case (_, .hangulV), (_, .hangulLV): .hangulV
        case (_, .hangulT), (_, .hangulLVT): .hangulT
        case (_, .pictograph): .pictograph
        case (.pictograph, .extend), (.pictograph, .nonJoiner), (.pictograph, .linker): .pictograph
        case (.pictograph, .joiner): .joinedPictograph
        case (_, .consonant): .consonant
        case (.consonant, .extend), (.consonant, .joiner): .consonant
        case (.consonant, .linker): .linkedConsonant
        case (.linkedConsonant, .extend), (.linkedConsonant, .joiner), (.linkedConsonant, .linker):
            .linkedConsonant
        case (.halfFlag, .regionalIndicator): .other
        case (_, .regionalIndicator): .halfFlag
        default: .other
        }
    }
}

/// What one scalar does to the automaton: whether a cluster ends before it, and the state after it.
struct GraphemeTransition: Sendable {
    /// Bit 15: boundary. The rest: where in `table` the row of the next state begins.
    private let bits: UInt16

    /// A row for each state, in which the class of a scalar finds its transition.
    static let table: [GraphemeTransition] = GraphemeState.allCases.flatMap { state in
        var row = Array(
            repeating: GraphemeTransition(from: state, reading: .other),
            count: GraphemeClass.codeCount
        )
        for scalar in GraphemeClass.allCases {
            row[scalar.code] = GraphemeTransition(from: state, reading: scalar)
        }
        return row
    }

    /// The row of `state` in `table`.
    static func row(of state: GraphemeState) -> Int { Int(state.rawValue) * GraphemeClass.codeCount }

    private init(from state: GraphemeState, reading scalar: GraphemeClass) {
        let next = UInt16(GraphemeTransition.row(of: state.next(after: scalar)))
        bits = next | (state.isBoundary(before: scalar) ? 0x8000 : 0)
    }

    @inline(__always)
    var isBoundary: Bool { bits & 0x8000 != 0 }

    @inline(__always)
    var nextRow: Int { Int(bits & 0x7FFF) }
}
