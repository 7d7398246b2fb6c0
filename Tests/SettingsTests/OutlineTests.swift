import Testing

@testable import Settings

@Suite("The outline of a document")
struct OutlineTests {
    /// The lines of `document`, each path written with dots.
    private func lines(_ document: String) -> [String: Int] {
        let outline = TOMLOutline(of: document)
        #expect(outline.trouble == nil)
        #expect(outline.understoodBytes == document.utf8.count)
        return Dictionary(
            uniqueKeysWithValues: outline.lines.map { path, line in
                let steps = path.map { step in
                    switch step {
                    case .key(let key): key
                    case .element(let index): "#\(index)"
                    }
                }
                return (steps.joined(separator: "."), line)
            }
        )
    }

    @Test("Keys, headers and what belongs to the last of several tables")
    func tables() {
        #expect(
            lines("a = 1\n\n[b.c]\nd.e = 2\r\n[[f]]\n[[f]]\ng = 3\n[f.h]\ni = 4\n[[f.j]]\n[[f.j]]\nk = 5")
                == [
                    "a": 1, "b": 3, "b.c": 3, "b.c.d": 4, "b.c.d.e": 4, "f": 5, "f.#0": 5, "f.#1": 6,
                    "f.#1.g": 7,
                    "f.#1.h": 8, "f.#1.h.i": 9, "f.#1.j": 10, "f.#1.j.#0": 10, "f.#1.j.#1": 11,
                    "f.#1.j.#1.k": 12,
                ]
        )
    }

    @Test("What looks like a key within a string or a comment is none")
    func strings() {
        let quotes = "\"\"\""
        #expect(lines("a = '#'\nb = \"\\\"c = 1\"\n#d = 1\ne = 2") == ["a": 1, "b": 2, "e": 4])
        #expect(lines("a = \(quotes)\nb = 1\n\(quotes)\"\"\nc = 2") == ["a": 1, "c": 4])
        #expect(lines("a = \(quotes)\\\(quotes)\nb = 1\n\(quotes)\nc = 2") == ["a": 1, "c": 4])
        #expect(lines("a = '''\nb'' = 1\n''''\nc = 2") == ["a": 1, "c": 4])
        #expect(lines("a = ''\nb = \"\"\nc = ''''''") == ["a": 1, "b": 2, "c": 3])
    }

    @Test("Arrays and inline tables over several lines")
    func nested() {
        #expect(
            lines("a = [ # ]\n 1,\n { b = ']' },\n]\nc = {d={}, e.f = [[]]}") == [
                "a": 1, "a.#0": 2, "a.#1": 3, "a.#1.b": 3, "c": 5, "c.d": 5, "c.e": 5, "c.e.f": 5,
                "c.e.f.#0": 5,
            ]
        )
    }

    @Test("A key with an escape has no line, rather than that of another key")
    func escapedKeys() {
        #expect(lines("\"h\\u006fst\" = 1")["host"] == nil)
        #expect(TOMLOutline(of: "\"h\\u006fst\" = 1").trouble == nil)
        #expect(mistakes("\"h\\u006fst\" = 1") == ["t.toml: host = 1: must be a string in quotes"])
    }

    @Test(
        "It ends before the first statement that it does not understand",
        arguments: [
            ("a = 1\n[=]\nb = 2", 2, 2), ("a = 1\nb", 2, 2), ("a = 1\nb = [1,\n}", 3, 1),
            ("a = 1\nb = '\n", 2, 5),
            ("a = 1\nb = [\n1", 2, 5), ("a = 1\né = 1", 2, 1),
        ]
    )
    func trouble(document: String, line: Int, column: Int) {
        let outline = TOMLOutline(of: document)
        #expect(outline.trouble?.line == line)
        #expect(outline.trouble?.column == column)
        #expect(outline.understoodBytes == 6)
    }
}
