/// Extended grapheme clusters by the rules of UAX #29 (Unicode 17.0.0), each applied to the text directly. This is slow: the time
/// grows with the square of the longest run of marks or flags.
package struct BreaksByRules {
    private let text: [ScalarProperties]

    package init(_ text: [ScalarProperties]) { self.text = text }

    /// How many scalars each cluster has.
    package var clusterLengths: [Int] {
        let boundaries = text.indices.filter(isBoundary) + [text.count]
        return zip(boundaries, boundaries.dropFirst()).map { $1 - $0 }
    }

    /// Whether there is a boundary before the scalar at `position`.
    private func isBoundary(at position: Int) -> Bool {
        if position == 0 { return true }  // GB1
        let before = text[position - 1].breaking
        let after = text[position].breaking
        if before == .carriageReturn, after == .lineFeed { return false }  // GB3
        if isControl(before) || isControl(after) { return true }  // GB4, GB5
        if before == .hangulL, [.hangulL, .hangulV, .hangulLV, .hangulLVT].contains(after) {
            return false  // GB6
        }
        if [.hangulLV, .hangulV].contains(before), [.hangulV, .hangulT].contains(after) {
            return false  // GB7
        }
        if [.hangulLVT, .hangulT].contains(before), after == .hangulT { return false }  // GB8
        if after == .extend || after == .joiner { return false }  // GB9
        if after == .spacingMark { return false }  // GB9a
        if before == .prepend { return false }  // GB9b
        if isConjunct(at: position) { return false }  // GB9c
        if isEmojiSequence(at: position) { return false }  // GB11
        if isFlag(at: position) { return false }  // GB12, GB13
        return true  // GB999
    }

    private func isControl(_ value: ScalarProperties.Break) -> Bool {
        value == .control || value == .carriageReturn || value == .lineFeed
    }

    /// `InCB=Consonant [InCB=Extend InCB=Linker]* InCB=Linker [InCB=Extend InCB=Linker]* × InCB=Consonant`
    private func isConjunct(at position: Int) -> Bool {
        guard text[position].conjunct == .consonant else { return false }
        let before = text[..<position]
        let joining = before.reversed().prefix { $0.conjunct == .extend || $0.conjunct == .linker }
        let consonant = before.dropLast(joining.count).last
        return joining.contains { $0.conjunct == .linker } && consonant?.conjunct == .consonant
    }

    /// `Extended_Pictographic Extend* ZWJ × Extended_Pictographic`
    private func isEmojiSequence(at position: Int) -> Bool {
        guard text[position].isPictographic, text[position - 1].breaking == .joiner else { return false }
        let before = text[..<(position - 1)]
        let extends = before.reversed().prefix { $0.breaking == .extend }
        return before.dropLast(extends.count).last?.isPictographic == true
    }

    /// `sot (RI RI)* RI × RI` and `[^RI] (RI RI)* RI × RI`
    private func isFlag(at position: Int) -> Bool {
        guard text[position].breaking == .regionalIndicator else { return false }
        let halves = text[..<position].reversed().prefix { $0.breaking == .regionalIndicator }
        return halves.count % 2 == 1
    }
}

/// The grapheme clusters of `scalars` by `BreaksByRules`.
package func clustersByRules(_ scalars: [Unicode.Scalar]) -> [[Unicode.Scalar]] {
    var rest = scalars[...]
    return BreaksByRules(scalars.map { UnicodeData.committed[$0] }).clusterLengths.map { length in
        defer { rest = rest.dropFirst(length) }
        return Array(rest.prefix(length))
    }
}
