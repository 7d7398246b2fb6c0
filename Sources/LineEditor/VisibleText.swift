/// Makes text safe for a terminal: control characters are shown as text.
///
/// As in less(1), C0 and DEL appear in caret notation (`^[`, `^?`), C1 as `<U+009B>`, and a byte 0x80 to 0x9F outside of valid
/// UTF-8, which some terminals interpret as C1, as `<9B>`. All other bytes are unchanged.
public struct VisibleText: Sendable {
    /// The number of continuation bytes that the current character still needs.
    private var missing = 0
    /// Whether the last byte was 0xC2, the first byte of C1 characters.
    private var lead = Lead.none

    private enum Lead { case none, held, passed }

    /// Creates a filter for a new text.
    public init() {}

    /// Converts the next piece of the text. Line feed and tab are unchanged.
    public mutating func visible(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.underestimatedCount)
        for byte in bytes { add(byte, to: &result) }
        if lead == .held {
            result.append(0xC2)
            lead = .passed
        }
        return result
    }

    /// Converts a whole text.
    public static func visible(_ text: String) -> String {
        var filter = VisibleText()
        return String(decoding: filter.visible(text.utf8), as: UTF8.self)
    }

    private mutating func add(_ byte: UInt8, to result: inout [UInt8]) {
        let lead = self.lead
        self.lead = .none
        if lead != .none && 0x80..<0xA0 ~= byte {
            missing = 0
            return result += Self.notation("U+00", byte)
        }
        if lead == .held { result.append(0xC2) }
        switch byte {
        case 0x80..<0xC0 where missing > 0: missing -= 1
        case 0xC2:
            missing = 1
            self.lead = .held
            return
        case 0xC3..<0xE0: missing = 1
        case 0xE0..<0xF0: missing = 2
        case 0xF0..<0xF5: missing = 3
        default:
            missing = 0
            switch byte {
            case 0x09, 0x0A: break
            case 0x00..<0x20, 0x7F: return result += [UInt8(ascii: "^"), byte ^ 0x40]
            case 0x80..<0xA0: return result += Self.notation("", byte)
            default: break
            }
        }
        result.append(byte)
    }

    private static func notation(_ prefix: String, _ byte: UInt8) -> [UInt8] {
        Array("<\(prefix)\(String(byte, radix: 16, uppercase: true))>".utf8)
    }
}
