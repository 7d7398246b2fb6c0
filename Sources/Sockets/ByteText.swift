/// Any bytes as a `String`. A path or an argument need not be UTF-8, and a `String` would replace invalid bytes.
///
/// UTF-8 is kept. Any other byte becomes one private-use scalar, U+10FE00 plus the byte, and so do the bytes of these scalars
/// themselves. So every sequence of bytes has exactly one text, from which it can be restored.
public enum ByteText {
    private static let base: UInt32 = 0x10FE00

    /// The text for `bytes`.
    public static func text(_ bytes: some Collection<UInt8>) -> String {
        if let text = String(validating: bytes, as: UTF8.self), !holdsOther(text) { return text }
        var text = String.UnicodeScalarView()
        var rest = Array(bytes)[...]
        while let first = rest.first {
            let next = (1...4).lazy.compactMap { length -> Unicode.Scalar? in
                String(validating: rest.prefix(length), as: UTF8.self)?.unicodeScalars.first
            }.first
            if let next, !isOther(next) {
                text.append(next)
                rest = rest.dropFirst(UTF8.width(next))
            } else {
                if let other = Unicode.Scalar(base + UInt32(first)) { text.append(other) }
                rest = rest.dropFirst()
            }
        }
        return String(text)
    }

    /// The bytes of `text`.
    public static func bytes(_ text: String) -> [UInt8] {
        guard holdsOther(text) else { return Array(text.utf8) }
        return text.unicodeScalars.flatMap { scalar -> [UInt8] in
            isOther(scalar)
                ? [UInt8(truncatingIfNeeded: scalar.value - base)]
                : Array(UTF8.encode(scalar) ?? UTF8.EncodedScalar())
        }
    }

    /// Whether `text` contains bytes that are not UTF-8.
    public static func holdsOther(_ text: String) -> Bool {
        // 0xF4 is the first byte of all scalars of the last plane.
        text.utf8.contains(0xF4) && text.unicodeScalars.contains(where: isOther)
    }

    /// `text` for display: bytes that are not UTF-8 as `\xff`.
    public static func shown(_ text: String) -> String {
        guard holdsOther(text) else { return text }
        return text.unicodeScalars.reduce(into: "") { result, scalar in
            if isOther(scalar) {
                let digits = String(scalar.value - base, radix: 16)
                result += digits.count < 2 ? "\\x0\(digits)" : "\\x\(digits)"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
    }

    private static func isOther(_ scalar: Unicode.Scalar) -> Bool {
        (base...base + 0xFF).contains(scalar.value)
    }
}
