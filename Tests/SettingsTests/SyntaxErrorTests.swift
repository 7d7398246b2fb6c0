import Testing

@testable import Settings

@Suite("Messages about a file that is not TOML")
struct SyntaxErrorTests {
    @Test("The message of the parser, if there is no simpler one")
    func parser() {
        #expect(
            mistakes("[=]") == [
                "t.toml:1:2: not TOML 1.0: Error while parsing key: expected bare key starting character or string delimiter, saw '='"
            ]
        )
        for document in [
            "a = [}", "port = 2000-01-01T", "a = 2006-01-01T24:00:00Z", "a = 13:37", "a = 1\r b = 2",
            "a = \"\\e\"", "a = \"\u{1}\"",
        ] {
            #expect(
                mistakes(document).map { $0.hasPrefix("t.toml:1:") && $0.contains("not TOML 1.0: ") } == [
                    true
                ]
            )
        }
        let deep = "a = " + String(repeating: "[", count: 20)
        let dotted = String(repeating: "a.", count: 80) + "a = 1"
        for document in [deep, dotted] {
            #expect(
                mistakes(document).map { $0.hasSuffix("nested more deeply than any setting is") } == [true]
            )
        }
        #expect(mistakes("a = 1 2\n[=]").map { $0.hasPrefix("t.toml:1:") } == [true], "the first of two")
        #expect(mistakes("a = '\0'") == ["t.toml:1:6: a NUL byte; is this a text file?"])
    }

    @Test(
        "The commonest slips, and what was meant",
        arguments: [
            // A string without quotes.
            ("host = 127.0.0.1", 8, value, "host = \"127.0.0.1\""),
            ("host = localhost", 8, value, "host = \"localhost\""),
            ("host = ::1 # here", 8, value, "host = \"::1\""),
            ("\u{FEFF}host = ::1", 8, value, "host = \"::1\""),
            ("path = /run/s", 8, value, "path = \"/run/s\""), ("é = 1\u{A0}", 1, key, nil),
            ("idle_timeout = 10s", 16, value, "idle_timeout = \"10s\""),
            ("max_line_bytes = 1MiB", 18, value, "max_line_bytes = \"1MiB\""),
            ("mode = 0666", 8, value, "mode = \"0666\""), ("mode = 0x", 8, value, "mode = \"0x\""),
            // Truth values and numbers.
            ("connections = True", 15, value, "connections = true"),
            ("connections = no", 15, value, "connections = false"),
            ("port = 99999999999999999999", 8, "the number 99999999999999999999 is too large", nil),
            ("port = -9223372036854775809", 8, "the number -9223372036854775809 is too large", nil),
            ("port = +in", 8, value, "port = \"+in\""), ("port = ", 8, value, nil), ("port =", 7, value, nil),

            // Quotes.
            ("host = “::”", 8, "a string is written in straight quotes, \" or '", "host = \"::\""),
            ("host = ‘::’", 8, "a string is written in straight quotes, \" or '", "host = \"::\""),
            ("host = \"::", 8, "this string has no closing quote", nil),
            ("host = '::\"", 8, "this string has no closing quote", nil),
            ("host = \"\"\"::\nport", 8, "this string has no closing quote", nil),
            // Comments.
            ("// a comment", 1, "a comment begins with \"#\", not with \"//\"", nil),
            ("  ; a comment", 3, "a comment begins with \"#\", not with \";\"", nil),
            ("port = 5000 // a comment", 13, comment, "port = 5000"),
            ("host = '::' ; a comment", 13, comment, nil),
            ("port = 5000;", 8, value, "port = 5000"), ("port = 5000,", 12, comment, "port = 5000"),
            ("port = 1 2", 10, comment, nil),
            // Something else instead of "=".
            ("port: 5000", 5, equals, "port = 5000"), ("port 5000", 6, equals, "port = 5000"),
            ("port := 5000", 6, equals, "port = 5000"), ("port == 5000", 7, equals, "port = 5000"),
            ("port => 5000", 7, equals, "port = 5000"), ("host: ::1", 5, equals, "host = \"::1\""),
            ("export PORT=1", 8, equals, nil), ("port", 5, equals, nil),
            // Brackets.
            ("[limits", 8, "this table header has no end", "[limits]"),
            ("[limits # x", 9, "this table header has no end", "[limits]"),
            ("[[listener]", 12, "this table header has no end", "[[listener]]"),
            ("a = [1, 2", 5, "this array has no closing bracket", nil),
            ("a = [1, 2\nport = 1", 5, "this array has no closing bracket", nil),
            ("a = { b = 1", 5, "this table has no closing brace on its line, where TOML 1.0 wants it", nil),
        ] as [(String, Int, String, String?)]
    )
    func slips(document: String, column: Int, problem: String, meant: String?) {
        let message = "t.toml:2:\(column): \(problem)" + (meant.map { ": did you mean \($0)?" } ?? "")
        for end in ["", "\n", "\r\n[log]\r\n"] where !document.hasSuffix(" ") || end.isEmpty {
            let whole =
                document.hasPrefix("\u{FEFF}") ? "\u{FEFF}\n" + document.dropFirst() : "# é\n" + document
            #expect(mistakes(whole + end) == [message])
        }
    }

    private static let value = "expected a number, true or false, or a string in quotes"
    private static let key =
        "expected a key made of A-Z, a-z, 0-9, \"_\" and \"-\", a [table] or a comment, which begins with \"#\""
    private static let comment = "only a comment, which begins with \"#\", may follow the value on its line"
    private static let equals = "expected \"=\" after the key"

    @Test("Duplicates")
    func twice() {
        #expect(mistakes("port = 1\nport = 2") == ["t.toml:2:1: port is there already, on line 1"])
        #expect(mistakes("[limits]\n[log]\n[limits]") == ["t.toml:3:1: [limits] is there already, on line 1"])
    }

    @Test(
        "A message is one line of printable text, whatever the file holds",
        arguments: ["\u{1B}[31m", "\u{9B}", "\u{202E}", "\r", "\u{2028}"]
    )
    func printable(text: String) {
        for document in [
            "port = +in\n\(text)", "port = \(text)", "\(text) = 1", "port\(text) = 1", "[\(text)]",
            "host = \(text)x", "'\(text)' = 1",
            "a = 1 \(text)", "host = '\(text)'", "[log]\nlevel = '\(text)'", "[[listener]]\npath = '\(text)'",
        ] {
            for message in mistakes(document) {
                #expect(
                    !message.unicodeScalars.contains {
                        $0.value < 0x20 || (0x7F..<0xA0).contains($0.value)
                            || [0x202E, 0x2028].contains($0.value)
                    }
                )
            }
        }
        #expect(mistakes("port = +in\n").count == 1)
    }
}
