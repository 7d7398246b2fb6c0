import Testing

@testable import LineEditor

@Suite struct LineBufferTests {
    private static let pieces = [
        "a", " ", "e", "\u{301}", "\u{1F1EB}", "\u{1F1F7}", "\u{200D}", "👩", "👍", "🏽", "क", "\u{94D}", "ष",
        "\u{1100}", "\u{1161}",
        "\u{11A8}", "\u{600}", "\r", "\u{7}", "漢", "🇫🇷🇫🇷🇫🇷🇫🇷🇫🇷",
    ]

    /// Changes search for boundaries nearby only; the result must be the same as for the whole line.
    @Test(arguments: 0..<20) func changesLeaveTheBoundariesOfTheWhole(seed: Int) {
        var state = UInt64(seed) &* 2_654_435_761 &+ 1
        func random(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % count
        }
        var line = LineBuffer()
        var undo: [(LineBuffer, LineBuffer.Change)] = []
        for _ in 0..<500 {
            let before = line
            line.move(to: random(line.clusters.count + 1))
            let moved = line
            if random(3) > 0 || line.clusters.isEmpty {
                let text = (0..<random(4)).map { _ in Self.pieces[random(Self.pieces.count)] }.joined()
                let expected = line.clusters[..<line.cursor].joined() + text
                undo.append((moved, line.insert(text)))
                let stands = line.clusters[..<line.cursor].joined()
                #expect(Array(stands.utf8).starts(with: Array(expected.utf8)))
            } else {
                let start = random(line.clusters.count)
                let end = min(line.clusters.count, start + random(4))
                undo.append((moved, line.remove(start..<end)))
            }
            #expect(line.clusters == graphemeClusters(of: line.text), "\(before) became \(line)")
            #expect((0...line.clusters.count).contains(line.cursor))
        }
        for (before, change) in undo.reversed() {
            line.revert(change)
            #expect(line.clusters == before.clusters && line.cursor == before.cursor)
        }
    }
}
