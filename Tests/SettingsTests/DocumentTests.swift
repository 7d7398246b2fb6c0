import Testing

@testable import Settings

@Suite("The values of a document")
struct DocumentTests {
    /// The line of each value of `document`, its path written with dots.
    private func lines(_ document: String) throws -> [String: Int] {
        var result: [String: Int] = [:]
        func collect(_ value: TOMLValue, _ path: String) {
            if !path.isEmpty { result[path] = value.line }
            for (key, child) in value.table ?? [:] { collect(child, path.isEmpty ? key : "\(path).\(key)") }
            for (index, child) in (value.array ?? []).enumerated() { collect(child, "\(path).#\(index)") }
        }
        collect(try TOMLValue(parsing: document, path: "t.toml"), "")
        return result
    }

    @Test("Each has the line of its key, or its own line in an array")
    func lines() throws {
        #expect(
            try lines("a = 1\n\n[b.c]\nd.e = 2\r\n[[f]]\n[[f]]\ng = 3\n[f.h]\ni = 4\n") == [
                "a": 1, "b": 3, "b.c": 3, "b.c.d": 4, "b.c.d.e": 4, "f": 5, "f.#0": 5, "f.#1": 6, "f.#1.g": 7,
                "f.#1.h": 8, "f.#1.h.i": 9,
            ]
        )
        #expect(
            try lines("a = [ # ]\n 1,\n { b = ']' },\n]\n\"h\\u006fst\" = {d={}}") == [
                "a": 1, "a.#0": 2, "a.#1": 3, "a.#1.b": 3, "host": 5, "host.d": 5,
            ]
        )
    }

    @Test("Each has its type and its value, also strings with any content")
    func values() throws {
        let document = try TOMLValue(
            parsing: #"""
                s = "a\u0000b\u202E"
                i = -9223372036854775808
                f = 1e3
                b = true
                d = 2000-01-01
                t = 07:32:00
                dt = 2000-01-01T00:00:00Z
                """#,
            path: "t.toml"
        )
        let table = try #require(document.table)
        #expect(table["s"]?.string == "a\0b\u{202E}")
        #expect(table["i"]?.integer == .min)
        #expect(table["b"]?.boolean == true)
        let shown = table.mapValues(\.shown)
        #expect(
            shown == [
                "s": "\"a\\u0000b\\u202E\"", "i": "-9223372036854775808", "f": "1000.0", "b": "true",
                "d": "a date", "t": "a time of day", "dt": "a date and time",
            ]
        )
    }
}
