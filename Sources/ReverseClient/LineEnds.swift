import Glibc

/// Compares the line ends of answers with those of their lines.
///
/// An answer has the length and the terminator of its line. So the line feeds of both streams must have the same positions,
/// and a line that ends in CR LF must be answered with CR LF. (An answer may end in CR LF if its line did not: the line then
/// began with CR.) That takes one comparison of two blocks of memory, 32 bytes per step.
///
/// The steps use 64-bit lanes of eight bytes each, because the compiler turns comparisons of byte lanes into a loop.
struct LineEnds {
    /// The last byte compared was CR in the request and not in the answer: wrong if the next byte of the request is LF.
    private var owesCarriageReturn = false

    struct Comparison {
        /// How many bytes agree from the start; fewer than given if there is a mismatch.
        var agreeing: Int
        /// The number of line feeds in the agreeing bytes.
        var lines: Int
    }

    private typealias Block = SIMD4<UInt64>
    private static let blockSize = 32
    private static let lineFeed: UInt8 = 0x0A
    private static let carriageReturn: UInt8 = 0x0D

    /// Compares the next bytes of both streams, which must have the same length.
    mutating func compare(_ request: UnsafeRawBufferPointer, _ answer: UnsafeRawBufferPointer) -> Comparison {
        precondition(request.count == answer.count)
        guard request.count > 0 else { return Comparison(agreeing: 0, lines: 0) }
        if unsafe owesCarriageReturn && request[0] == Self.lineFeed {
            return Comparison(agreeing: 0, lines: 0)
        }

        var position = 0
        var lines = 0
        // A step reads one byte past its block, hence the strict comparison.
        while position + Self.blockSize < request.count {
            // One-byte counters are added up before they can overflow.
            let steps = min(255, (request.count - position - 1) / Self.blockSize)
            let end = position + steps * Self.blockSize
            guard let found = unsafe Self.lineFeeds(request, answer, position..<end) else { break }
            lines += found
            position = end
        }
        while position < request.count {
            let asked = unsafe request[position]
            let came = unsafe answer[position]
            guard (asked == Self.lineFeed) == (came == Self.lineFeed) else { break }
            if asked == Self.carriageReturn, came != Self.carriageReturn, position + 1 < request.count,
                unsafe request[position + 1] == Self.lineFeed
            {
                break
            }
            if asked == Self.lineFeed { lines += 1 }
            position += 1
        }
        if position == request.count {
            owesCarriageReturn =
                unsafe request[position - 1] == Self.carriageReturn
                && answer[position - 1] != Self.carriageReturn
        }
        return Comparison(agreeing: position, lines: lines)
    }

    /// The number of line feeds in `range`, at most 255 whole blocks; nil if the two disagree in it.
    private static func lineFeeds(
        _ request: UnsafeRawBufferPointer,
        _ answer: UnsafeRawBufferPointer,
        _ range: Range<Int>
    ) -> Int? {
        var wrong = Block.zero
        var counts = Block.zero
        for position in stride(from: range.lowerBound, to: range.upperBound, by: blockSize) {
            let asked = unsafe request.loadUnaligned(fromByteOffset: position, as: Block.self)
            let next = unsafe request.loadUnaligned(fromByteOffset: position + 1, as: Block.self)
            let came = unsafe answer.loadUnaligned(fromByteOffset: position, as: Block.self)
            let cameOthers = others(came, than: lineFeed)
            let halfTerminators = ~others(asked, than: carriageReturn) & ~others(next, than: lineFeed)
            wrong |= others(asked, than: lineFeed) ^ cameOthers
            wrong |= halfTerminators & others(came, than: carriageReturn)
            counts &+= (~cameOthers & highBits) &>> 7
        }
        guard wrong & highBits == .zero else { return nil }
        return unsafe withUnsafeBytes(of: counts) { unsafe $0.reduce(0) { $0 + Int($1) } }
    }

    /// The high bit of each byte is set if the byte differs from `byte`. The other bits are undefined.
    @inline(__always)
    private static func others(_ block: Block, than byte: UInt8) -> Block {
        // An equal byte becomes 0. Adding 0x7F to the low seven bits carries into the high bit for all values but 0.
        let difference = block ^ (UInt64(byte) &* 0x0101_0101_0101_0101)
        return ((difference & lowBits) &+ lowBits) | difference
    }

    @inline(__always) private static var lowBits: UInt64 { 0x7F7F_7F7F_7F7F_7F7F }
    @inline(__always) private static var highBits: Block { Block(repeating: 0x8080_8080_8080_8080) }
}

// MARK: - Finding them

extension LineEnds {
    /// The position of the first line feed; nil when there is none.
    static func first(in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let start = bytes.baseAddress, let found = unsafe memchr(start, Int32(lineFeed), bytes.count)
        else {
            return nil
        }
        return unsafe UnsafeRawPointer(found) - start
    }

    /// The position of the last line feed; nil when there is none.
    static func last(in bytes: UnsafeRawBufferPointer) -> Int? {
        var end = bytes.count
        while end >= blockSize {
            let block = unsafe bytes.loadUnaligned(fromByteOffset: end - blockSize, as: Block.self)
            if others(block, than: lineFeed) & highBits != highBits { break }
            end -= blockSize
        }
        while end > 0 {
            end -= 1
            if unsafe bytes[end] == lineFeed { return end }
        }
        return nil
    }
}
