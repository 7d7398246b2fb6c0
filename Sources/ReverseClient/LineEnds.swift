import Glibc

/// Holds the line ends of answers against those of the lines asked.
///
/// An answer has as many bytes as its line and the same terminator, so an answer stream is right in length when its
/// line feeds stand exactly where those of the request stream stand, and when a line that ends in CR LF is answered
/// with CR LF. (An answer may end in CR LF where its line did not: the line began with CR.) That is one comparison of
/// two blocks of memory, 64 bytes a step.
struct LineEnds {
    /// The last byte compared was a CR in the request and none in the answer: wrong if the request's next byte is LF.
    private var owesCarriageReturn = false

    struct Comparison {
        /// How many bytes agree, from the start; less than were given when something is wrong there.
        var agreeing: Int
        /// How many line feeds stand in the agreeing bytes.
        var lines: Int
    }

    private typealias Block = SIMD64<UInt8>
    private static let blockSize = 64
    private static let lineFeed: UInt8 = 0x0A
    private static let carriageReturn: UInt8 = 0x0D

    /// Compares the next bytes of both streams; the two have the same length.
    mutating func compare(_ request: UnsafeRawBufferPointer, _ answer: UnsafeRawBufferPointer) -> Comparison {
        precondition(request.count == answer.count)
        guard request.count > 0 else { return Comparison(agreeing: 0, lines: 0) }
        if owesCarriageReturn && request[0] == Self.lineFeed { return Comparison(agreeing: 0, lines: 0) }

        var position = 0
        var lines = 0
        // A step looks one byte past its block, hence the strict comparison: every load stays inside `count`.
        while position + Self.blockSize < request.count {
            // Counters of one byte are emptied before they can overflow.
            let steps = min(255, (request.count - position - 1) / Self.blockSize)
            let end = position + steps * Self.blockSize
            guard let found = Self.lineFeeds(request, answer, position..<end) else { break }
            lines += found
            position = end
        }
        while position < request.count {
            let asked = request[position]
            let came = answer[position]
            guard (asked == Self.lineFeed) == (came == Self.lineFeed) else { break }
            if asked == Self.carriageReturn, came != Self.carriageReturn, position + 1 < request.count,
                request[position + 1] == Self.lineFeed
            {
                break
            }
            if asked == Self.lineFeed { lines += 1 }
            position += 1
        }
        if position == request.count {
            owesCarriageReturn =
                request[position - 1] == Self.carriageReturn && answer[position - 1] != Self.carriageReturn
        }
        return Comparison(agreeing: position, lines: lines)
    }

    /// The number of line feeds in `range`, at most 255 whole blocks; nil when the two disagree somewhere in it.
    private static func lineFeeds(
        _ request: UnsafeRawBufferPointer,
        _ answer: UnsafeRawBufferPointer,
        _ range: Range<Int>
    ) -> Int? {
        let zero = Block.zero
        let one = Block(repeating: 1)
        var wrong = zero
        var counts = zero
        for position in stride(from: range.lowerBound, to: range.upperBound, by: blockSize) {
            let asked = request.loadUnaligned(fromByteOffset: position, as: Block.self)
            let next = request.loadUnaligned(fromByteOffset: position + 1, as: Block.self)
            let came = answer.loadUnaligned(fromByteOffset: position, as: Block.self)
            let askedEnds = zero.replacing(with: one, where: asked .== lineFeed)
            let cameEnds = zero.replacing(with: one, where: came .== lineFeed)
            let nextEnds = zero.replacing(with: one, where: next .== lineFeed)
            let askedReturns = zero.replacing(with: one, where: asked .== carriageReturn)
            let cameOthers = zero.replacing(with: one, where: came .!= carriageReturn)
            wrong |= (askedEnds ^ cameEnds) | (askedReturns & nextEnds & cameOthers)
            counts &+= cameEnds
        }
        guard wrong == zero else { return nil }
        let wide = SIMD64<UInt16>(truncatingIfNeeded: counts)
        return Int(wide.wrappedSum())
    }
}

// MARK: - Finding them

extension LineEnds {
    /// The position of the first line feed; nil when there is none.
    static func first(in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let start = bytes.baseAddress, let found = memchr(start, Int32(lineFeed), bytes.count) else {
            return nil
        }
        return UnsafeRawPointer(found) - start
    }

    /// The position of the last line feed; nil when there is none.
    static func last(in bytes: UnsafeRawBufferPointer) -> Int? {
        var end = bytes.count
        while end >= blockSize {
            let block = bytes.loadUnaligned(fromByteOffset: end - blockSize, as: Block.self)
            if any(block .== lineFeed) { break }
            end -= blockSize
        }
        while end > 0 {
            end -= 1
            if bytes[end] == lineFeed { return end }
        }
        return nil
    }
}
