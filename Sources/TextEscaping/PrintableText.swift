// TextEscaping: makes text from outside (a file, an option, the environment, a client) safe to show.
//
// It does no I/O. Invariant: escaped text cannot start a second line, move a terminal's cursor or change the direction of the
// text around it.

/// Escapes text from outside for one line of output.
public enum PrintableText {
    /// The text with line ends, control characters and direction marks as escapes (`\n`, `\x1b`, `\u{202e}`). Everything
    /// else is unchanged, including backslashes.
    public static func escape(_ text: String) -> String {
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return text }
        return replacing(in: text) { scalar in
            guard mustEscape(scalar) else { return nil }
            if let short = shortEscape(scalar) { return short }
            return scalar.value < 0x100
                ? "\\x" + hexadecimal(scalar, digits: 2) : "\\u{" + hexadecimal(scalar, digits: 1) + "}"
        }
    }

    /// The text in double quotes, escaped for both TOML (basic strings) and JSON (RFC 8259).
    public static func quoted(_ text: String) -> String {
        let escaped = replacing(in: text) { scalar in
            switch scalar {
            case "\"", "\\": "\\" + String(scalar)
            case _ where mustEscape(scalar):
                shortEscape(scalar) ?? "\\u" + hexadecimal(scalar, digits: 4).uppercased()
            default: nil
            }
        }
        return "\"\(escaped)\""
    }

    /// The escaped text, cut to the length of a line, for values in messages.
    public static func excerpt(_ text: String) -> String {
        clip(escape(text), toUTF8Count: 200)
    }

    /// The text if it fits into `limit` bytes of UTF-8; otherwise its beginning, cut between characters, and an ellipsis.
    public static func clip(_ text: String, toUTF8Count limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        let ellipsis = "…"
        var clipped = ""
        var count = ellipsis.utf8.count
        for character in text {
            count += character.utf8.count
            if count > limit { break }
            clipped.append(character)
        }
        return clipped + ellipsis
    }

    private static func replacing(in text: String, _ replacement: (Unicode.Scalar) -> String?) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            if let escape = replacement(scalar) {
                result += escape
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func mustEscape(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        // C0, DEL and C1.
        case 0x00..<0x20, 0x7f..<0xa0: true
        // Line and paragraph separator.
        case 0x2028, 0x2029: true
        // Direction marks, embeddings and isolates.
        case 0x061c, 0x200e, 0x200f, 0x202a...0x202e, 0x2066...0x2069: true
        default: false
        }
    }

    private static func shortEscape(_ scalar: Unicode.Scalar) -> String? {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: nil
        }
    }

    private static func hexadecimal(_ scalar: Unicode.Scalar, digits: Int) -> String {
        let text = String(scalar.value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}
