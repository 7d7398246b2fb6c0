extension ReversalUnit {
    /// Turns the units of one line round, in place. As many bytes as before, none of them changed.
    ///
    /// Well-formed UTF-8 comes out as `String(line.reversed())` (characters) or
    /// `String(String.UnicodeScalarView(line.unicodeScalars.reversed()))` (scalars). Each byte that belongs to no
    /// well-formed sequence is a unit by itself, and ends the character before it. Takes time proportional
    /// to the number of bytes, whatever they are, and allocates nothing.
    ///
    /// - Parameter line: The line without its terminator. Borrowed for the call.
    public func reverse(_ line: UnsafeMutableRawBufferPointer) {
        guard let start = line.baseAddress else { return }
        switch self {
        case .byte: break
        case .scalar: reverseWithinScalars(start, count: line.count)
        case .character: reverseWithinCharacters(start, count: line.count)
        }
        reverseBytes(start, count: line.count)
    }

    /// The units of `line` in opposite order; see `reverse(_:)`.
    public func reversed(_ line: [UInt8]) -> [UInt8] {
        var line = line
        line.withUnsafeMutableBytes { reverse($0) }
        return line
    }
}

/// Turns the bytes within each scalar round, so that turning the whole round puts them right again.
private func reverseWithinScalars(_ start: UnsafeMutableRawPointer, count: Int) {
    var offset = 0
    while offset < count {
        let scalar = UTF8Scalar(leading: fourBytes(at: offset, of: start, count: count))
        reverseBytes(start + offset, count: scalar.length)
        offset += scalar.length
    }
}

/// Turns the bytes within each grapheme cluster round.
private func reverseWithinCharacters(_ start: UnsafeMutableRawPointer, count: Int) {
    let table = GraphemeTransition.table
    let transitions = table.span
    var row = GraphemeTransition.row(of: .start)
    var cluster = 0
    var offset = 0
    while offset < count {
        let scalar = UTF8Scalar(leading: fourBytes(at: offset, of: start, count: count))
        if scalar.value == UTF8Scalar.illFormed {
            reverseBytes(start + cluster, count: offset - cluster)
            offset += 1
            cluster = offset
            row = GraphemeTransition.row(of: .start)
            continue
        }
        let transition = transitions[row + GraphemeClass.code(of: scalar.value)]
        if transition.isBoundary {
            reverseBytes(start + cluster, count: offset - cluster)
            cluster = offset
        }
        row = transition.nextRow
        offset += scalar.length
    }
    reverseBytes(start + cluster, count: offset - cluster)
}

/// The four bytes at `offset` in their order, with zeros past the end.
@inline(__always)
private func fourBytes(at offset: Int, of start: UnsafeMutableRawPointer, count: Int) -> UInt32 {
    if count - offset >= 4 {
        return (start + offset).loadUnaligned(as: UInt32.self).bigEndian
    }
    var bytes: UInt32 = 0
    for index in 0..<4 {
        bytes = bytes << 8
        if offset + index < count { bytes |= UInt32((start + offset + index).load(as: UInt8.self)) }
    }
    return bytes
}
