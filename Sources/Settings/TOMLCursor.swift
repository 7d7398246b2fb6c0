/// A place in a TOML document that moves forward over its smallest parts and counts lines.
///
/// Every method comes to an end on any input, since none moves backward and each stops at the end of the document.
struct TOMLCursor {
    private let bytes: [UInt8]
    private var offset = 0
    /// The line it is on, from 1.
    private(set) var line = 1
    /// The lines on which a string holds the escape of NUL.
    private(set) var linesWithNulEscape: [Int] = []

    init(_ document: String) {
        bytes = Array(document.utf8)
        let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
        if bytes.starts(with: byteOrderMark) { offset = byteOrderMark.count }
    }

    /// The next byte, or `nil` at the end.
    var peek: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    mutating func advance() {
        guard offset < bytes.count else { return }
        if bytes[offset] == UInt8(ascii: "\n") { line += 1 }
        offset += 1
    }

    /// Spaces and tabs, then `byte` if it is the next one; says whether it was.
    mutating func skip(_ byte: UInt8) -> Bool {
        skipSpaces()
        guard peek == byte else { return false }
        advance()
        return true
    }

    mutating func skipSpaces() {
        while peek == UInt8(ascii: " ") || peek == UInt8(ascii: "\t") { advance() }
    }

    /// Spaces, ends of lines and comments.
    mutating func skipBlankLines() {
        while let byte = peek {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"): advance()
            case UInt8(ascii: "#"):
                while let next = peek, next != UInt8(ascii: "\n") { advance() }
            default: return
            }
        }
    }

    /// A number, a boolean or a date: everything up to what may follow a value. `false` when there is nothing.
    mutating func skipBareValue() -> Bool {
        let start = offset
        while let byte = peek, !",]}#\n".utf8.contains(byte) { advance() }
        return offset > start
    }

    /// A key with its dots, or `nil` when there is none here.
    mutating func key() -> [String]? {
        var names: [String] = []
        repeat {
            skipSpaces()
            guard let name = keyPart() else { return nil }
            names.append(name)
        } while skip(UInt8(ascii: "."))
        return names
    }

    private mutating func keyPart() -> String? {
        if peek == UInt8(ascii: "\"") || peek == UInt8(ascii: "'") { return string() }
        let start = offset
        while let byte = peek, !" \t.=]\"'\r\n".utf8.contains(byte) { advance() }
        return offset > start ? String(decoding: bytes[start..<offset], as: UTF8.self) : nil
    }

    /// A string of any of the four kinds, or `nil` when it has no end. Escapes are not decoded: a string that holds
    /// one is returned with NUL before it, which equals no string that TOMLKit can return.
    mutating func string() -> String? {
        guard let quote = peek else { return nil }
        let isBasic = quote == UInt8(ascii: "\"")
        let delimiter = starts(with: [quote, quote, quote]) ? 3 : 1
        for _ in 0..<delimiter { advance() }
        let start = offset
        var isEscaped = false
        while let byte = peek {
            if isBasic && byte == UInt8(ascii: "\\") {
                isEscaped = true
                noteNulEscape()
                advance()
                advance()
            } else if starts(with: Array(repeating: quote, count: delimiter)) {
                // Up to two quotes may stand right before the three that end a multi-line string.
                if delimiter == 3 {
                    for _ in 0..<2 where starts(with: [quote, quote, quote, quote]) { advance() }
                }
                let text = String(decoding: bytes[start..<offset], as: UTF8.self)
                for _ in 0..<delimiter { advance() }
                return isEscaped ? "\0" + text : text
            } else {
                advance()
            }
        }
        return nil
    }

    private mutating func noteNulEscape() {
        if starts(with: Array("\\u0000".utf8)) || starts(with: Array("\\U00000000".utf8)) {
            linesWithNulEscape.append(line)
        }
    }

    private func starts(with prefix: [UInt8]) -> Bool {
        bytes[offset...].starts(with: prefix)
    }
}
