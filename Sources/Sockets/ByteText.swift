/// Any bytes as a `String`: a path or an argument of Linux need not be UTF-8, and a `String` repairs what is not.
///
/// UTF-8 stands for itself. Any other byte is held as one private-use scalar, U+10FE00 plus the byte, and so are the bytes
/// of those very scalars, so that every sequence of bytes has one text and comes back from it.
public enum ByteText {
    private static let base: UInt32 = 0x10FE00

    /// The text that holds `bytes`.
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

    /// The bytes that `text` holds.
    public static func bytes(_ text: String) -> [UInt8] {
        guard holdsOther(text) else { return Array(text.utf8) }
        return text.unicodeScalars.flatMap { scalar -> [UInt8] in
            isOther(scalar)
                ? [UInt8(truncatingIfNeeded: scalar.value - base)]
                : Array(UTF8.encode(scalar) ?? UTF8.EncodedScalar())
        }
    }

    /// Whether `text` holds bytes that are not UTF-8.
    public static func holdsOther(_ text: String) -> Bool {
        // The first byte of all scalars of the last plane.
        text.utf8.contains(0xF4) && text.unicodeScalars.contains(where: isOther)
    }

    /// `text` as a person can read it: other bytes as `\xff`.
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
