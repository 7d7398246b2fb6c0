/// The boundaries of grapheme clusters: rules GB1 to GB999 of UAX #29 as a state machine. The state depends on the scalars read so
/// far, and decides whether there is a boundary before the next one.
///
/// `isBoundary(before:)` and `next(after:)` implement the rules. The loop over a text uses `GraphemeTransition.table`, which
/// contains their results. The tests compare them with an implementation that follows the rules one by one.
enum GraphemeState: UInt8, CaseIterable {
    /// At the start of the text, or after a control: the next scalar begins a cluster.
    case start
    case carriageReturn
    /// After a scalar that only marks can continue.
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
    /// Whether there is a boundary before a scalar of class `scalar`.
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

    /// The state after a scalar of class `scalar`.
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

/// The effect of one scalar on the state machine: whether there is a boundary before it, and the state after it.
struct GraphemeTransition: Sendable {
    /// Bit 15: boundary. The other bits: the index in `table` of the row of the next state.
    private let bits: UInt16

    /// One row per state, indexed by the class of a scalar.
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
