import TextEscaping

/// A JSON object on one line (RFC 8259), its members in the order in which they were added.
struct JSONObject: CustomStringConvertible {
    private var members: [String] = []

    var description: String { "{" + members.joined(separator: ",") + "}" }

    mutating func add(_ name: String, _ value: String) { add(name, raw: PrintableText.quoted(value)) }
    mutating func add(_ name: String, _ value: Int) { add(name, raw: String(value)) }
    mutating func add(_ name: String, _ value: JSONObject) { add(name, raw: value.description) }
    /// Adds milliseconds with three decimals.
    mutating func add(_ name: String, _ value: Duration) { add(name, raw: milliseconds(value)) }

    /// Adds valid UTF-8 as text, and other bytes as base64 with `_base64` appended to the name.
    mutating func add(_ name: String, bytes: some Collection<UInt8>) {
        if String(validating: bytes, as: UTF8.self) != nil {
            add(name, raw: Self.quoted(Array(bytes)))
        } else {
            add("\(name)_base64", base64(Array(bytes)))
        }
    }

    /// The text in quotes. Runs without special bytes are copied; only scalars that may need an escape go through
    /// `PrintableText`.
    private static func quoted(_ text: [UInt8]) -> String {
        var result: [UInt8] = [UInt8(ascii: "\"")]
        result.reserveCapacity(text.count + 2)
        var rest = text[...]
        while let special = rest.firstIndex(where: { isSpecial($0) }) {
            result += rest[..<special]
            let length = text[special] < 0x80 ? 1 : text[special] < 0xE0 ? 2 : 3
            let scalar = rest[special...].prefix(length)
            result += PrintableText.quoted(String(decoding: scalar, as: UTF8.self)).utf8.dropFirst()
                .dropLast()
            rest = rest[scalar.endIndex...]
        }
        result += rest
        result.append(UInt8(ascii: "\""))
        return String(decoding: result, as: UTF8.self)
    }

    /// Whether a byte starts a scalar that may need an escape: control characters, the quote, the backslash, and the first
    /// bytes of C1 and of the direction marks.
    private static func isSpecial(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == 0x22 || byte == 0x5C || byte == 0x7F || byte == 0xC2 || byte == 0xE2
    }

    private mutating func add(_ name: String, raw: String) {
        members.append("\(PrintableText.quoted(name)):\(raw)")
    }
}

/// Milliseconds with three decimals, as in `0.123`.
func milliseconds(_ duration: Duration) -> String {
    let microseconds = max(
        0,
        duration.components.seconds * 1_000_000 + duration.components.attoseconds / 1_000_000_000_000
    )
    let decimals = String(microseconds % 1000)
    return "\(microseconds / 1000)." + String(repeating: "0", count: 3 - decimals.count) + decimals
}

/// Base64 with padding (RFC 4648, section 4).
func base64(_ bytes: [UInt8]) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var result: [UInt8] = []
    result.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
        for place in 0..<4 {
            result.append(place <= group.count ? digits[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
        }
    }
    return String(decoding: result, as: UTF8.self)
}
