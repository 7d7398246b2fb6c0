import TOMLKit

/// Values as TOML writes them.
enum Literal {
    /// `text` as a basic string: whatever it holds, reading it again gives `text`.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\t": result += "\\t"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case _ where isControl(scalar):
                let digits = String(scalar.value, radix: 16, uppercase: true)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// `mode` as chmod(1) takes it, four octal digits.
    static func octal(_ mode: UInt32) -> String {
        let digits = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    /// `value` for a message: as TOML writes it, shortened when long; for a table, an array or a date just its kind.
    static func shown(_ value: any TOMLValueConvertible) -> String {
        switch value.type {
        case .string: shortened(quoted(value.string ?? ""))
        case .int: value.int.map { String($0) } ?? "a number"
        case .double: value.double.map { $0.description } ?? "a number"
        case .bool: value.bool == true ? "true" : "false"
        case .table: "a table"
        case .array: "an array"
        case .date: "a date"
        case .time: "a time of day"
        case .dateTime: "a date and time"
        }
    }

    private static func shortened(_ text: String) -> String {
        let limit = 80
        return text.unicodeScalars.count <= limit
            ? text : String(String.UnicodeScalarView(text.unicodeScalars.prefix(limit - 1))) + "…"
    }

    /// Control characters of C0 and C1 and the line and paragraph separators: none of them goes to a terminal or
    /// a log as it is.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0...0x1F, 0x7F...0x9F, 0x2028, 0x2029: true
        default: false
        }
    }
}
