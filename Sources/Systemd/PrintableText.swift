/// Text that came from outside, made fit for one line that a person or systemd reads: nobody can start a second line,
/// a second assignment or a terminal command with it.
enum PrintableText {
    /// The text with line ends, control characters and invisible direction changes written as escapes (`\n`, `\x1b`,
    /// `\u{202e}`); anything else stays as it is.
    static func escape(_ text: String) -> String {
        if text.utf8.allSatisfy(isPlain) { return text }
        var escaped = ""
        for scalar in text.unicodeScalars {
            if mustEscape(scalar) {
                escaped += escapeSequence(scalar)
            } else {
                escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// A value from the environment as a warning shows it: escaped, and not longer than a line.
    static func quote(_ value: String) -> String {
        clip(escape(value), toUTF8Count: 200)
    }

    /// The text if it fits into `limit` bytes of UTF-8; otherwise as many whole characters as fit with an ellipsis.
    static func clip(_ text: String, toUTF8Count limit: Int) -> String {
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

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7f
    }

    private static func mustEscape(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        // C0, DEL and C1.
        case 0x00..<0x20, 0x7f..<0xa0: true
        // Line and paragraph separator.
        case 0x2028, 0x2029: true
        // Direction marks, embeddings and isolates.
        case 0x200e, 0x200f, 0x202a...0x202e, 0x2066...0x2069: true
        default: false
        }
    }

    private static func escapeSequence(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default:
            if scalar.value < 0x100 {
                "\\x" + (scalar.value < 0x10 ? "0" : "") + String(scalar.value, radix: 16)
            } else {
                "\\u{" + String(scalar.value, radix: 16) + "}"
            }
        }
    }
}
