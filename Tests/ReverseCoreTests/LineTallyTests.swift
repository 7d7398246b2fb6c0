import Testing

@testable import ReverseCore

@Suite("The tally of a session")
struct LineTallyTests {
    private static func tally(_ text: String, unit: ReversalUnit = .character, framing: Framing = .line)
        -> LineTally
    {
        var session = Session(framing: framing, unit: unit, maximumLineBytes: 1 << 20)
        var tally = LineTally()
        var bytes = Array(text.utf8)
        bytes.withUnsafeMutableBytes { buffer in
            let step = session.received(buffer, tally: &tally)
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[step.answered...])
            _ = session.receivedEndOfFile(rest, tally: &tally)
        }
        return tally
    }

    @Test("names the paths as the metrics do")
    func names() {
        #expect(ReversalPath.allCases.map(\.name) == ["ascii", "scalars", "graphemes"])
    }

    @Test(
        "has each line under the way in which it was reversed",
        arguments: [
            ("abc\n", ReversalUnit.character, [1, 0, 0], [3, 0, 0]),
            ("abc\r\n\nxy", .character, [3, 0, 0], [5, 0, 0]),
            ("caf\u{e9}\n", .character, [0, 1, 0], [0, 5, 0]),
            ("e\u{301}\n", .character, [0, 0, 1], [0, 0, 3]),
            ("e\u{301}\n", .scalar, [0, 1, 0], [0, 3, 0]),
            ("e\u{301}\n", .byte, [1, 0, 0], [3, 0, 0]),
            ("🇫🇷\nabc\nüber\n", .character, [1, 1, 1], [3, 5, 8]),
        ]
    )
    func paths(text: String, unit: ReversalUnit, lines: [Int], bytes: [Int]) {
        let tally = Self.tally(text, unit: unit)
        #expect((0..<3).map { tally.lines[$0] } == lines && (0..<3).map { tally.bytes[$0] } == bytes)
        #expect((0..<11).reduce(0) { $0 + Int(tally.sizes[$1]) } == lines.reduce(0, +))
    }

    @Test("has each size in its class", arguments: 0...22)
    func sizes(power: Int) {
        for size in [(1 << power) - 1, 1 << power, (1 << power) + 1] {
            let bounds = (0..<10).map { 4 << (2 * $0) }
            #expect(LineTally.sizeClass(size) == bounds.firstIndex { size <= $0 } ?? 10)
        }
    }

    @Test("also has chunks")
    func chunks() {
        let tally = Self.tally(String(repeating: "x", count: 1500), unit: .byte, framing: .chunk)
        #expect(tally.lines[0] == 2 && tally.bytes[0] == 1500 && tally.sizes[4] == 2)
    }
}
