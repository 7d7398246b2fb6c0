/// A JSON object on one line (RFC 8259), its members in the order in which they were added.
struct JSONObject: CustomStringConvertible {
    private var members: [String] = []

    var description: String { "{" + members.joined(separator: ",") + "}" }

    mutating func add(_ name: String, _ value: String) { add(name, raw: Self.quoted(value)) }
    mutating func add(_ name: String, _ value: Int) { add(name, raw: String(value)) }
    mutating func add(_ name: String, _ value: JSONObject) { add(name, raw: value.description) }
    /// In milliseconds, to the microsecond.
    mutating func add(_ name: String, _ value: Duration) { add(name, raw: milliseconds(value)) }

    /// Bytes that are text as they are; others as base64, in a member whose name says so.
    mutating func add(_ name: String, bytes: [UInt8]) {
        if let text = String(validating: bytes, as: UTF8.self) {
            add(name, text)
        } else {
            add("\(name)_base64", base64(bytes))
        }
    }

    private mutating func add(_ name: String, raw: String) { members.append("\(Self.quoted(name)):\(raw)") }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || 0x7F..<0xA0 ~= scalar.value:
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// `0.123`: milliseconds with three decimals.
func milliseconds(_ duration: Duration) -> String {
    let microseconds = max(
        0,
        duration.components.seconds * 1_000_000 + duration.components.attoseconds / 1_000_000_000_000
    )
    let decimals = String(microseconds % 1000)
    return "\(microseconds / 1000)." + String(repeating: "0", count: 3 - decimals.count) + decimals
}

/// RFC 4648, section 4.
func base64(_ bytes: [UInt8]) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var result = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
        for place in 0..<4 {
            result.append(place <= group.count ? digits[bits >> (18 - 6 * place) & 63] : "=")
        }
    }
    return result
}
