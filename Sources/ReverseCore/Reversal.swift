extension ReversalUnit {
    /// Turns the units of one line round, in place: as many bytes as before, and each of them as often.
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
        case .byte: reverseBytes(start, count: line.count)
        case .scalar: reverseUnits(start, count: line.count, within: reverseWithinScalars)
        case .character: reverseUnits(start, count: line.count, within: reverseWithinCharacters)
        }
    }

    /// The units of `line` in opposite order, as `reverse(_:)` puts them.
    public func reversed(_ line: [UInt8]) -> [UInt8] {
        var line = line
        line.withUnsafeMutableBytes { reverse($0) }
        return line
    }
}

/// Turns the ASCII at both ends round at once; of what is left, first the bytes within each unit, then all.
///
/// - Precondition: `count` bytes at `start` are readable and writable.
@inline(__always)
private func reverseUnits(
    _ start: UnsafeMutableRawPointer,
    count: Int,
    within reverseWithinUnits: (UnsafeMutableRawPointer, Int) -> Void
) {
    var done = reversePlainASCIIEnds(start, count: count)
    guard done < count else { return }
    if done > 0 {
        // A mark may follow the ASCII at the beginning, a prepend go before that at the end. So the letters next to the
        // rest go back to where they were, and with it.
        done -= 1
        swapBytes(start + done, start + (count - 1 - done))
    }
    reverseWithinUnits(start + done, count - 2 * done)
    reverseBytes(start + done, count: count - 2 * done)
}

@inline(__always)
private func swapBytes(_ low: UnsafeMutableRawPointer, _ high: UnsafeMutableRawPointer) {
    let first = low.load(as: UInt8.self)
    low.storeBytes(of: high.load(as: UInt8.self), as: UInt8.self)
    high.storeBytes(of: first, as: UInt8.self)
}
