import CWideText

// Every access here is to a scalar that was read, and no scalar that is read reaches beyond `count`: past the end there are
// zeros for the decoder, which continue no sequence.

/// Turns the bytes within each scalar round, so that they are right again once the whole is turned round.
///
/// - Precondition: `count` bytes at `start` are readable and writable.
func reverseWithinScalars(_ start: UnsafeMutableRawPointer, count: Int) {
    var offset = 0
    while offset < count {
        offset += wide_reverse_within_plain_scalars(start + offset, count - offset)
        // The wide steps refuse something near; behind a few scalars they may try again.
        var scalarsLeft = 16
        while offset < count, scalarsLeft > 0 {
            let scalar = UTF8Scalar(leading: fourBytes(at: offset, of: start, count: count))
            reverseBytes(start + offset, count: scalar.length)
            offset += scalar.length
            scalarsLeft -= 1
        }
    }
}

/// Turns the bytes within each grapheme cluster round, so that they are right again once the whole is turned round.
///
/// - Precondition: `count` bytes at `start` are readable and writable.
/// - Returns: Whether the rules for clusters were needed.
func reverseWithinCharacters(_ start: UnsafeMutableRawPointer, count: Int) -> Bool {
    var offset = 0
    var needsRules = false
    var patience = shortPatience
    while offset < count {
        let plain = wide_reverse_within_plain_scalars(start + offset, count - offset)
        offset += plain
        guard offset < count else { break }
        needsRules = true
        if plain > 0 {
            // What comes next may join the last scalar.
            let length = turnedScalarLength(endingAt: start + offset)
            offset -= length
            reverseBytes(start + offset, count: length)
        }
        patience = plain > 0 ? shortPatience : min(2 * patience, longPatience)
        offset = reverseWithinClusters(start, from: offset, count: count, patience: patience)
    }
    return needsRules
}

/// After how many characters of one scalar in a row another wide step is tried: soon, but later and later where these
/// characters are of a kind that it refuses.
private let shortPatience = 8
private let longPatience = 256

/// The same scalar by scalar, until `patience` characters in a row were one scalar each.
///
/// It may stop and begin anew at any boundary, since no rule looks back over one.
///
/// - Returns: Where it stopped: the end, or a boundary beyond `first`.
private func reverseWithinClusters(
    _ start: UnsafeMutableRawPointer,
    from first: Int,
    count: Int,
    patience: Int
) -> Int {
    let table = GraphemeTransition.table
    let transitions = table.span
    var row = GraphemeTransition.row(of: .start)
    var cluster = first
    var offset = first
    var single = 0
    // Sums and differences of offsets are within the line and cannot overflow; to check them costs 2 %.
    while offset < count {
        let scalar = UTF8Scalar(leading: fourBytes(at: offset, of: start, count: count))
        if scalar.value == UTF8Scalar.illFormed {
            reverseBytes(start + cluster, count: offset - cluster)
            offset += 1
            cluster = offset
            row = GraphemeTransition.row(of: .start)
            single = 0
            continue
        }
        let transition = transitions[row + GraphemeClass.code(of: scalar.value)]
        if transition.isBoundary {
            reverseBytes(start + cluster, count: offset &- cluster)
            cluster = offset
            single &+= 1
            if single > patience { return offset }
        } else {
            single = 0
        }
        row = transition.nextRow
        offset &+= scalar.length
    }
    reverseBytes(start + cluster, count: offset - cluster)
    return offset
}

/// The length of the scalar that ends before `end`, its bytes turned round: its lead byte is the last.
@inline(__always)
private func turnedScalarLength(endingAt end: UnsafeMutableRawPointer) -> Int {
    switch (end - 1).load(as: UInt8.self) {
    case ..<0x80: 1
    case ..<0xE0: 2
    default: 3
    }
}

/// The four bytes at `offset` in their order, with zeros past the end.
@inline(__always)
private func fourBytes(at offset: Int, of start: UnsafeMutableRawPointer, count: Int) -> UInt32 {
    if count &- offset >= 4 {
        return (start + offset).loadUnaligned(as: UInt32.self).bigEndian
    }
    var bytes: UInt32 = 0
    for index in 0..<4 {
        bytes = bytes << 8
        if offset + index < count { bytes |= UInt32((start + offset + index).load(as: UInt8.self)) }
    }
    return bytes
}
