import ReverseCore

/// The slow and simple way to reverse a line: split it into units, scalars with the standard library and clusters with
/// `BreaksByRules`, and join them from the last to the first.
package func referenceReversal(_ bytes: [UInt8], unit: ReversalUnit) -> [UInt8] {
    switch unit {
    case .byte: return bytes.reversed()
    case .scalar, .character:
        var pieces: [[UInt8]] = []
        for segment in segments(of: bytes) {
            switch segment {
            case .illFormed(let byte): pieces.append([byte])
            case .text(let text) where unit == .character:
                let clusters = clustersByRules(Array(text.unicodeScalars))
                pieces.append(
                    Array(String(String.UnicodeScalarView(clusters.reversed().joined())).utf8)
                )
            case .text(let text):
                pieces.append(Array(String(String.UnicodeScalarView(text.unicodeScalars.reversed())).utf8))
            }
        }
        return Array(pieces.reversed().joined())
    }
}

private enum Segment {
    case text(String)
    case illFormed(UInt8)
}

/// The longest runs of well-formed text, and each byte between them.
private func segments(of bytes: [UInt8]) -> [Segment] {
    var result: [Segment] = []
    var text = String.UnicodeScalarView()
    var rest = bytes[...]
    while let first = rest.first {
        if let (scalar, length) = wellFormedScalar(atStartOf: rest) {
            text.append(scalar)
            rest = rest.dropFirst(length)
        } else {
            if !text.isEmpty { result.append(.text(String(text))) }
            text = String.UnicodeScalarView()
            result.append(.illFormed(first))
            rest = rest.dropFirst()
        }
    }
    if !text.isEmpty { result.append(.text(String(text))) }
    return result
}

private func wellFormedScalar(atStartOf bytes: ArraySlice<UInt8>) -> (Unicode.Scalar, length: Int)? {
    for length in 1...4 where length <= bytes.count {
        guard let text = String(validating: bytes.prefix(length), as: UTF8.self) else { continue }
        return text.unicodeScalars.first.map { ($0, length) }
    }
    return nil
}
