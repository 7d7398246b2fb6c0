extension ReversalUnit {
    /// Reverses the units of one line, in place. The result is a permutation of the bytes.
    ///
    /// The result for well-formed UTF-8 is that of `GraphemeCluster.split(line).reversed().joined()` (characters) or
    /// `String(String.UnicodeScalarView(line.unicodeScalars.reversed()))` (scalars). Each byte that is not
    /// part of a well-formed sequence is a unit, and ends the character before it. The time is proportional to the number of
    /// bytes, and nothing is allocated.
    ///
    /// - Parameter line: The line without its terminator. Borrowed for the call.
    public func reverse(_ line: UnsafeMutableRawBufferPointer) { _ = unsafe reverseReportingPath(line) }

    /// Like `reverse(_:)`, and returns the algorithm that was used.
    @inline(__always)
    func reverseReportingPath(_ line: UnsafeMutableRawBufferPointer) -> ReversalPath {
        guard let start = line.baseAddress else { return .ascii }
        let done = unsafe reverseEnds(start, count: line.count, onlyPlainASCII: self != .byte)
        return unsafe done < line.count ? reverseRest(start, count: line.count, done: done) : .ascii
    }

    /// Reverses the units of one line, in place.
    public func reverse(_ line: inout MutableRawSpan) {
        unsafe line.withUnsafeMutableBytes { unsafe reverse($0) }
    }

    /// The units of `line` in reverse order.
    public func reversed(_ line: [UInt8]) -> [UInt8] {
        var line = line
        unsafe line.withUnsafeMutableBytes { unsafe reverse($0) }
        return line
    }

    /// Reverses the bytes between `done` bytes of ASCII at each end: first within each unit, then as a whole.
    @inline(never)
    private func reverseRest(_ start: UnsafeMutableRawPointer, count: Int, done: Int) -> ReversalPath {
        var done = done
        if done > 0 {
            // A mark may follow the ASCII at the start, or a prepend precede that at the end. So the two letters next to the
            // rest are restored, and reversed with it.
            done -= 1
            unsafe swapBytes(start + done, start + (count - 1 - done))
        }
        let rest = unsafe start + done
        let restCount = count - 2 * done
        var path = ReversalPath.scalars
        switch self {
        case .byte: path = .ascii
        case .scalar: unsafe reverseWithinScalars(rest, count: restCount)
        case .character:
            if unsafe reverseWithinCharacters(rest, count: restCount) { path = .graphemes }
        }
        unsafe reverseBytes(rest, count: restCount)
        return path
    }
}

@inline(__always)
private func swapBytes(_ low: UnsafeMutableRawPointer, _ high: UnsafeMutableRawPointer) {
    let first = unsafe low.load(as: UInt8.self)
    unsafe low.storeBytes(of: high.load(as: UInt8.self), as: UInt8.self)
    unsafe high.storeBytes(of: first, as: UInt8.self)
}
