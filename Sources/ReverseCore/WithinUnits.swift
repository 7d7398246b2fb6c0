import CWideText

// Every access is to a decoded scalar, and no decoded scalar extends beyond `count`: past the end the decoder gets zeros, which
// are not continuation bytes.

/// Reverses the bytes within each scalar. Reversing the whole afterwards restores their order.
///
/// - Precondition: `count` bytes at `start` are readable and writable.
func reverseWithinScalars(_ start: UnsafeMutableRawPointer, count: Int) {
    var offset = 0
    while offset < count {
        unsafe offset += wide_reverse_within_plain_scalars(start + offset, count - offset)
        // The vector loop has stopped at a scalar nearby. Try it again after a few scalars.
        var scalarsLeft = 16
        while offset < count, scalarsLeft > 0 {
            let scalar = unsafe UTF8Scalar(leading: fourBytes(at: offset, of: start, count: count))
            unsafe reverseBytes(start + offset, count: scalar.length)
            offset += scalar.length
            scalarsLeft -= 1
        }
    }
}

/// Reverses the bytes within each grapheme cluster. Reversing the whole afterwards restores their order.
///
/// - Precondition: `count` bytes at `start` are readable and writable.
/// - Returns: Whether the rules for clusters were needed.
func reverseWithinCharacters(_ start: UnsafeMutableRawPointer, count: Int) -> Bool {
    var offset = 0
    var needsRules = false
    var singleLimit = shortRun
    while offset < count {
        let plain = unsafe wide_reverse_within_plain_scalars(start + offset, count - offset)
        offset += plain
        guard offset < count else { break }
        needsRules = true
        if plain > 0 {
            // The next scalar may continue the cluster of this one.
            let length = unsafe turnedScalarLength(endingAt: start + offset)
            offset -= length
            unsafe reverseBytes(start + offset, count: length)
        }
        singleLimit = plain > 0 ? shortRun : min(2 * singleLimit, longRun)
        offset = unsafe reverseWithinClusters(start, from: offset, count: count, singleLimit: singleLimit)
    }
    return needsRules
}

/// The vector loop is tried again after this many clusters of one scalar in a row. The number doubles each time the loop
/// refuses them.
private let shortRun = 8
private let longRun = 256

/// Does the same scalar by scalar, until there are more than `singleLimit` clusters of one scalar in a row.
///
/// It can stop and start at any boundary, because no rule depends on scalars before one.
///
/// - Returns: Where it stopped: the end, or a boundary after `first`.
private func reverseWithinClusters(
    _ start: UnsafeMutableRawPointer,
    from first: Int,
    count: Int,
    singleLimit: Int
) -> Int {
    let table = GraphemeTransition.table
    let transitions = table.span
    var row = GraphemeTransition.row(of: .start)
    var cluster = first
    var offset = first
    var single = 0
    // Offsets are within the line, so sums and differences cannot overflow; overflow checks cost 2 %.
    while offset < count {
        let scalar = unsafe UTF8Scalar(leading: fourBytes(at: offset, of: start, count: count))
        if scalar.value == UTF8Scalar.illFormed {
            unsafe reverseBytes(start + cluster, count: offset - cluster)
            offset += 1
            cluster = offset
            row = GraphemeTransition.row(of: .start)
            single = 0
            continue
        }
        let transition = transitions[row + GraphemeClass.code(of: scalar.value)]
        if transition.isBoundary {
            unsafe reverseBytes(start + cluster, count: offset &- cluster)
            cluster = offset
            single &+= 1
            if single > singleLimit { return offset }
        } else {
            single = 0
        }
        row = transition.nextRow
        offset &+= scalar.length
    }
    unsafe reverseBytes(start + cluster, count: offset - cluster)
    return offset
}

/// The length of the scalar that ends before `end`. Its bytes are reversed, so its lead byte is the last.
@inline(__always)
private func turnedScalarLength(endingAt end: UnsafeMutableRawPointer) -> Int {
    switch unsafe (end - 1).load(as: UInt8.self) {
    case ..<0x80: 1
    case ..<0xE0: 2
    default: 3
    }
}

/// The four bytes at `offset` in their order, with zeros past the end.
@inline(__always)
private func fourBytes(at offset: Int, of start: UnsafeMutableRawPointer, count: Int) -> UInt32 {
    if count &- offset >= 4 {
        return unsafe (start + offset).loadUnaligned(as: UInt32.self).bigEndian
    }
    var bytes: UInt32 = 0
    for index in 0..<4 {
        bytes = bytes << 8
        if offset + index < count { unsafe bytes |= UInt32((start + offset + index).load(as: UInt8.self)) }
    }
    return bytes
}
