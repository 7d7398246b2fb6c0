import Testing

@testable import Settings

@Suite("The nearest word")
struct SpellingTests {
    @Test(
        "Distances between words",
        arguments: [
            ("", "", 0), ("", "abc", 3), ("port", "port", 0), ("prot", "port", 1), ("pot", "port", 1),
            ("pport", "port", 1),
            ("part", "port", 1), ("tropp", "port", 4), ("ca", "abc", 3),
        ]
    )
    func distances(first: String, second: String, distance: Int) {
        let (one, other) = (Array(first.unicodeScalars), Array(second.unicodeScalars))
        #expect(Spelling.distance(from: one, to: other) == distance)
        #expect(Spelling.distance(from: other, to: one) == distance)
    }

    @Test("The nearest word, when one is near enough")
    func nearest() {
        let words = ["host", "port", "max_connections", "max_line_bytes"]
        #expect(Spelling.nearest(to: "prot", among: words) == "port")
        #expect(Spelling.nearest(to: "HOST", among: words) == "host")
        #expect(Spelling.nearest(to: "max-connection", among: words) == "max_connections")
        #expect(Spelling.nearest(to: "max_con", among: words) == "max_connections")
        #expect(Spelling.nearest(to: "max", among: words) == nil)
        #expect(Spelling.nearest(to: "zz", among: words) == nil)
        #expect(Spelling.nearest(to: "", among: words) == nil)
        #expect(Spelling.nearest(to: String(repeating: "x", count: 100_000), among: words) == nil)
    }
}
