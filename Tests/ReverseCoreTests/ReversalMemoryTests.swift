import Glibc
import ReverseCore
import TestSupport
import Testing

/// Reversal touches no memory outside the line, at every length and alignment, and takes linear time.
@Suite struct ReversalMemoryTests {
    private static let pieces = [
        "a", "é", "д", "漢", "한", "🙂", "e\u{301}", "👨‍👩‍👧", "🇫🇷", "\r\n", "क्ष", "\u{1100}\u{1161}", "\u{600}",
        "\u{179F}\u{17D2}\u{178F}",
    ]

    @Test(arguments: ReversalUnit.allCases)
    func everyLengthAtEveryAlignmentTouchesTheLineAlone(unit: ReversalUnit) {
        for piece in Self.pieces {
            for length in 0...200 {
                let line = Array(Array(repeatElement(piece, count: length)).joined().utf8.prefix(length))
                expectReversalInPlace(of: line, unit: unit, offset: length % 16)
            }
        }
    }

    @Test(arguments: ReversalUnit.allCases)
    func asciiWithOneOtherPieceAnywhere(unit: ReversalUnit) {
        for piece in Self.pieces + ["\r", "\n", "\u{301}", "\u{200D}", "\u{FF}"] {
            for length in [1, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 130] {
                for position in 0...length {
                    var line = (0..<length).map { UInt8(truncatingIfNeeded: 0x30 + $0 % 64) }
                    line.insert(contentsOf: Array(piece.utf8), at: position)
                    expectReversalInPlace(of: line, unit: unit, offset: position % 8)
                }
            }
        }
    }

    /// The line ends just before an inaccessible page, then begins just after one.
    @Test(arguments: ReversalUnit.allCases)
    func neitherNeighbouringPageIsTouched(unit: ReversalUnit) throws {
        let page = sysconf(Int32(_SC_PAGESIZE))
        let memory = mmap(nil, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        let start = try #require(memory == MAP_FAILED ? nil : memory)
        defer { munmap(start, 3 * page) }
        try #require(mprotect(start + page, page, PROT_READ | PROT_WRITE) == 0)
        let readable = UnsafeMutableRawBufferPointer(start: start + page, count: page)
        for piece in Self.pieces {
            for length in 0...100 {
                let line = Array(Array(repeatElement(piece, count: length)).joined().utf8.prefix(length))
                for slice in [readable.prefix(length), readable.suffix(length)] {
                    let buffer = UnsafeMutableRawBufferPointer(rebasing: slice)
                    buffer.copyBytes(from: line)
                    unit.reverse(buffer)
                    #expect(Array(buffer) == referenceReversal(line, unit: unit))
                }
            }
        }
    }

    /// Eight times the input may take about eight times the time; a quadratic step anywhere
    /// would make it 64 times.
    @Test(arguments: [
        "a", "\u{301}", "a\u{301}", "\u{200D}", "\u{1F1E6}", "\u{1F468}\u{200D}", "\u{600}", "\u{915}\u{94D}",
        "\u{1780}\u{17D2}",
        "\u{1100}",
        "\r\n", "é\r", "aaaaaaaaaaaaaaaae\u{301}", "ééééééééé\u{301}", "漢漢漢漢漢漢漢\u{301}",
    ])
    func timeGrowsWithTheLengthOnly(piece: String) {
        let small = secondsToReverse(piece, bytes: 16 << 10)
        let large = secondsToReverse(piece, bytes: 128 << 10)
        #expect(large < 32 * small, "\(small) s for 16 KiB, \(large) s for 128 KiB")
    }

    private func expectReversalInPlace(of line: [UInt8], unit: ReversalUnit, offset: Int) {
        let margin = 64
        var memory = [UInt8](repeating: 0xCC, count: margin + offset + line.count + margin)
        memory.replaceSubrange(margin + offset..<margin + offset + line.count, with: line)
        var expected = memory
        expected.replaceSubrange(
            margin + offset..<margin + offset + line.count,
            with: referenceReversal(line, unit: unit)
        )
        memory.withUnsafeMutableBytes { memory in
            unit.reverse(
                UnsafeMutableRawBufferPointer(
                    rebasing: memory[margin + offset..<margin + offset + line.count]
                )
            )
        }
        #expect(memory == expected, "\(unit) \(hex(line))")
    }

    /// The least processor time of several runs: other work on the machine only adds to it.
    private func secondsToReverse(_ piece: String, bytes: Int) -> Double {
        var line = Array(String(repeating: piece, count: bytes / piece.utf8.count).utf8)
        return (0..<5).map { _ in
            let begin = threadSeconds()
            line.withUnsafeMutableBytes { ReversalUnit.character.reverse($0) }
            return threadSeconds() - begin
        }.min() ?? 0
    }

    private func threadSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
