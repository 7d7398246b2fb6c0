import Glibc
import TestSupport
import Testing

@testable import Settings

@Suite("No file crashes the reader")
struct HostileFileTests {
    /// A document with every feature of TOML; most of its keys are not settings.
    static let everything = #"""
        host = "::1" # a comment with "quotes" and [brackets]
        "quoted key" = 'literal "string" # no comment'
        'literal key' = """multi
        [line]
        with "" quotes"""""
        other = '''multi
        literal 'with' quotes''''
        a.b."c.d".'e' = { x = 1, y = { z = [1, [2, 3], { w = "#]}" }] } }
        numbers = [ +1, -0, 0xFF, 0o17, 0b1, 1_000, 1e3, -1.5E-3, inf, -nan, # comment ]
          9223372036854775807,
        ]
        empty = [] 
        none = {}
        [limits]
        max_connections = 10
        idle_timeout = "5min"
        [ table . "with spaces" ]
        x = true
        [[listener]]
        port = 1
        listener.sub = "dotted"
        [listener.more]
        key = 'v'
        [[listener]]
        path = "/run/s"
        [[listener.inner]]
        a = 1
        [[listener.inner]]
        b = 2
        """#

    static let escapes = #"""
        "esc\u0061ped" = "\t\"\\ \U0001F600"
        'lit\' = """a\"""\
          b"""
        [limits]
        max_connections = 10
        """#

    static let hostile = [
        "[", "[[", "[]", "[[]]", "[=]", "[[=]]", "[[[a]]]", "[ [a]]", "[!]", "[.a]", "[a.]", "[a", "[[a]",
        "[a]]",
        "=", "= 1", ".", ".a = 1", "a. = 1", "a", "a =", "a = =", "a = [}", "a = [=]", "a = [,]",
        "a = [1,,2]",
        "a = {", "a = {}}", "a = {,}", "a = { b }", "a = { b = }", "a = [", "a = [1", "a = ]", "a = }",
        "a = ,",
        "a = .", "a = +", "a = -", "a = _", "a = +_", "a = 1_", "a = 0x", "a = 0xg", "a = 0b2", "a = 1e",
        "a = 1.",
        "a = 99999999999999999999", "a = -9223372036854775809", "a = 1e999", "a = nan", "a = 0x1p3",
        "a = 1979-13-41", "a = 2000-01-01", "a = 2000-01-01T00:00:00Z", "a = 2000-01-01Tx", "a = 00:00:x",
        "a = 25:61:61", "a = 1979-05-27T", "a = 0000-00-00", "a = \"", "a = '",
        "a = \"\"\"",
        "a = '''", "a = \"\\", "a = \"\\u\"", "a = \"\\uD800\"", "a = \"\\UFFFFFFFF\"", "a = \"\\x\"",
        "a = tru",
        "a = \u{7F}", "\u{1} = 1", "a = \"\u{1}\"", "# \u{1}", "a\u{B}= 1", "\u{FEFF}\u{FEFF}", "\r",
        "a = 1\rb = 2",
        "a = 1 b = 2", "a = 1\na = 2", "[a]\n[a]", "a = 1\n[a]", "[a]\n[[a]]", "[[a]]\n[a]", "a.b = 1\n[a]",
        "é = 1", "\"\" = 1", "'' = 1", "\"a\\u0000b\" = 1", "\u{2028}", "a = \"\u{FFFF}\"", "a\u{A0}= 1",
        "\"\"\"a\"\"\" = 1", "a = { b = 1\nc = 2 }", "a = [1 2]", "[\"a\"", "[a.\"b]", "a = \"\"\"\"\"\"\"",
    ]

    /// Each has the maximum size of a file.
    static let heavy: [String: String] = {
        let space = SettingsFile.maximumBytes - 64
        func fill(_ unit: String) -> String { String(repeating: unit, count: space / unit.utf8.count) }
        return [
            "brackets": fill("["),
            "nested arrays": "a = " + fill("["),
            "nested inline tables": "a = " + fill("{a="),
            "dots": fill("a.") + "a = 1",
            "dots, then an error": fill("a.") + "a = 1\n!",
            "dots, nested": "a = [\n" + fill("{" + String(repeating: "a.", count: 60) + "a=[\n"),
            "headers": fill("[[a]]\n"),
            "deep header": "[" + fill("a.") + "a]",
            "long key": fill("k") + " = 1",
            "long value": "port = " + fill("1"),
            "long string": "host = \"" + fill("x") + "\"",
            "long path": "[[listener]]\npath = \"/" + fill("x") + "\"",
            "long unit": "[limits]\nidle_timeout = \"1" + fill("x") + "\"",
            "many keys": (0..<5000).map { "k\($0) = 1\n" }.joined(),
            "many listeners": fill("[[listener]]\nport=1\n"),
            "comment": "#" + fill("é"),
        ]
    }()

    @Test("Small documents that are not TOML, or almost not", arguments: hostile)
    func small(document: String) {
        #expect(!mistakes(document).isEmpty || document == "\u{FEFF}\u{FEFF}" || document == "\r")
    }

    @Test("Documents as large as the limit allows", .timeLimit(.minutes(1)), arguments: heavy.keys.sorted())
    func large(name: String) throws {
        let found = mistakes(try #require(Self.heavy[name]))
        #expect(found.isEmpty == (name == "comment"))
    }

    /// FUZZ_ROUNDS in the environment sets a higher number of rounds.
    static let rounds = getenv("FUZZ_ROUNDS").flatMap { Int(String(cString: $0)) } ?? 2000

    @Test("Thousands of damaged copies of a good file")
    func damaged() throws {
        let shipped = try repositoryFile("config/reversed.toml")
        let uncommented = shipped.split(separator: "\n").filter { !$0.hasPrefix("# ") || $0.contains("=") }
            .map { $0.hasPrefix("# ") ? String($0.dropFirst(2)) : String($0) }.joined(separator: "\n")
        let sources = [shipped, uncommented, Self.everything, Self.escapes].map { Array($0.utf8) }
        var random = SeededGenerator(seed: UInt64(Self.rounds))
        var accepted = 0
        for round in 0..<Self.rounds {
            var bytes = sources[round % sources.count]
            for _ in 0...Int.random(in: 0...3, using: &random) { damage(&bytes, using: &random) }
            let document = String(decoding: bytes, as: UTF8.self)
            if mistakes(document).isEmpty { accepted += 1 }
        }
        // Damage within comments leaves a correct file. If all files were refused, the test would check nothing.
        #expect(accepted > Self.rounds / 30)
    }

    private func damage(_ bytes: inout [UInt8], using random: inout SeededGenerator) {
        let pieces = [
            "[", "]", "[[", "]]", "{", "}", "=", "\"", "'", "\"\"\"", "'''", "\\", "#", "\n", "\r\n", ",",
            ".", "-",
            "0", "9999999999999999999", "1e400", "nan", "true", "\\u0000", "\\U00110000", "\u{0}", "\u{7F}",
            "é", "👨‍👩‍👧",
            "[[listener]]\n", "port = 1\n", "2024-01-01", " ", "\t", "_",
        ]
        guard let index = bytes.indices.randomElement(using: &random) else { return }
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes[index] = UInt8.random(in: 0...127, using: &random)
        case 1: bytes.remove(at: index)
        case 2: bytes.insert(contentsOf: (pieces.randomElement(using: &random) ?? "").utf8, at: index)
        case 3: bytes.removeSubrange(index..<min(bytes.count, index + Int.random(in: 1...40, using: &random)))
        case 4: bytes.removeSubrange(index...)
        default:
            let other = bytes[index..<min(bytes.count, index + 30)]
            bytes.insert(contentsOf: other, at: bytes.indices.randomElement(using: &random) ?? 0)
        }
    }
}
