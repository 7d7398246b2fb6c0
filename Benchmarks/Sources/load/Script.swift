import Foundation

/// The lines that every connection sends in a loop, and the answers that it must get.
///
/// All lines of the ring differ (unless they come from a file), so a lost, duplicated, swapped or reordered answer has wrong
/// bytes. An answer has as many bytes as its request: one table of line ends serves both.
///
/// `@unchecked Sendable`: written by `init` only; afterwards the threads of the generator just read it.
final class Script: @unchecked Sendable {
    /// Each ring is stored twice in a row, so that a whole round can be read in one piece from any position.
    let requests: UnsafeMutableRawPointer
    let answers: UnsafeMutableRawPointer
    /// The bytes of one round.
    let bytes: Int
    /// The end of each line in the ring, with its LF; with blocks, the end of each block.
    let ends: [Int]

    /// The minimum number of bytes of a block; 0 if lines are not combined.
    let blockSize: Int32

    var lines: Int { ends.count }

    struct Mismatch: Error, CustomStringConvertible {
        let description: String
    }

    /// - Parameters:
    ///   - requests: Lines, each ended by LF.
    ///   - answers: The same lines reversed, with the same ends.
    ///   - blockSize: Lines are combined until they have this many bytes, and count as one.
    init(requests: [UInt8], answers: [UInt8], blockSize: Int = 0) throws(Mismatch) {
        let ends = requests.indices.filter { requests[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
        let answerEnds = answers.indices.filter { answers[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
        guard !ends.isEmpty, ends.last == requests.count, ends == answerEnds, answers.count == requests.count
        else {
            throw Mismatch(description: "the requests and their answers are not lines of the same lengths")
        }
        var blocks: [Int] = []
        for end in ends where end - (blocks.last ?? 0) >= blockSize {
            blocks.append(end)
        }
        // The remaining lines belong to the last block.
        if !blocks.isEmpty { blocks.removeLast() }
        blocks.append(requests.count)
        self.ends = blocks
        self.blockSize = Int32(clamping: blockSize)
        bytes = requests.count
        self.requests = Self.twice(requests)
        self.answers = Self.twice(answers)
    }

    /// Lines of `length` ASCII characters, each beginning with its own number.
    convenience init(lineLength length: Int, atLeast lines: Int, blockSize: Int = 0) throws(Mismatch) {
        let count = max(lines, min(256, (1 << 20) / (length + 1)), 4)
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        var requests: [UInt8] = []
        var answers: [UInt8] = []
        for number in 0..<count {
            var line = Array("\(number):".utf8.prefix(length))
            while line.count < length {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                line.append(UInt8(ascii: "A") + UInt8(truncatingIfNeeded: state >> 33) % 58)
            }
            requests += line + [UInt8(ascii: "\n")]
            answers += line.reversed() + [UInt8(ascii: "\n")]
        }
        try self.init(requests: requests, answers: answers, blockSize: blockSize)
    }

    deinit {
        requests.deallocate()
        answers.deallocate()
    }

    private static func twice(_ bytes: [UInt8]) -> UnsafeMutableRawPointer {
        let ring = UnsafeMutableRawPointer.allocate(byteCount: bytes.count * 2, alignment: 64)
        bytes.withUnsafeBytes { source in
            guard let base = source.baseAddress else { return }
            ring.copyMemory(from: base, byteCount: bytes.count)
            (ring + bytes.count).copyMemory(from: base, byteCount: bytes.count)
        }
        return ring
    }
}
