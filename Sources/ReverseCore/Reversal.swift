extension ReversalUnit {
    /// Turns the units of one line round, in place: as many bytes as before, and each of them as often.
    ///
    /// Well-formed UTF-8 comes out as `GraphemeCluster.split(line).reversed().joined()` (characters) or
    /// `String(String.UnicodeScalarView(line.unicodeScalars.reversed()))` (scalars). Each byte that belongs to no
    /// well-formed sequence is a unit by itself, and ends the character before it. Takes time proportional
    /// to the number of bytes, whatever they are, and allocates nothing.
    ///
    /// - Parameter line: The line without its terminator. Borrowed for the call.
    public func reverse(_ line: UnsafeMutableRawBufferPointer) { _ = reverseReportingPath(line) }

    /// As `reverse(_:)`, and says how it was done.
    @inline(__always)
    func reverseReportingPath(_ line: UnsafeMutableRawBufferPointer) -> ReversalPath {
        guard let start = line.baseAddress else { return .ascii }
        let done = reverseEnds(start, count: line.count, onlyPlainASCII: self != .byte)
        return done < line.count ? reverseRest(start, count: line.count, done: done) : .ascii
    }

    /// Turns the units of one line round, in place, as `reverse(_:)` above does.
    public func reverse(_ line: inout MutableRawSpan) {
        line.withUnsafeMutableBytes { reverse($0) }
    }

    /// The units of `line` in opposite order, as `reverse(_:)` puts them.
    public func reversed(_ line: [UInt8]) -> [UInt8] {
        var line = line
        line.withUnsafeMutableBytes { reverse($0) }
        return line
    }

    /// Turns round what is left between `done` bytes of ASCII at either end: first the bytes within each unit, then all.
    @inline(never)
    private func reverseRest(_ start: UnsafeMutableRawPointer, count: Int, done: Int) -> ReversalPath {
        var done = done
        if done > 0 {
            // A mark may follow the ASCII at the beginning, a prepend go before that at the end. So the letters next to
            // the rest go back to where they were, and with it.
            done -= 1
            swapBytes(start + done, start + (count - 1 - done))
        }
        let rest = start + done
        let restCount = count - 2 * done
        var path = ReversalPath.scalars
        switch self {
        case .byte: path = .ascii
        case .scalar: reverseWithinScalars(rest, count: restCount)
        case .character:
            if reverseWithinCharacters(rest, count: restCount) { path = .graphemes }
        }
        reverseBytes(rest, count: restCount)
        return path
    }
}

@inline(__always)
private func swapBytes(_ low: UnsafeMutableRawPointer, _ high: UnsafeMutableRawPointer) {
    let first = low.load(as: UInt8.self)
    low.storeBytes(of: high.load(as: UInt8.self), as: UInt8.self)
    high.storeBytes(of: first, as: UInt8.self)
}
