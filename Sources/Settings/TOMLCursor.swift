/// A place in a TOML document that moves forward over its smallest parts and counts lines.
///
/// Every method comes to an end on any input: none moves backward, and each stops at the end of the document.
struct TOMLCursor {
    private let bytes: [UInt8]
    /// How many bytes lie behind it.
    private(set) var offset = 0
    /// The line it is on, from 1.
    private(set) var line = 1
    private var lineStart = 0
    /// The lines on which a string holds the escape of NUL.
    private(set) var linesWithNulEscape: [Int] = []

    init(_ document: String) {
        bytes = Array(document.utf8)
        let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
        if bytes.starts(with: byteOrderMark) {
            offset = byteOrderMark.count
            lineStart = offset
        }
    }

    /// `problem`, at this place.
    func trouble(_ problem: String) -> TOMLTrouble {
        let isStart = { (byte: UInt8) in byte & 0xC0 != 0x80 }
        return TOMLTrouble(
            line: line,
            column: bytes[lineStart..<offset].count(where: isStart) + 1,
            problem: problem
        )
    }

    /// The next byte, or `nil` at the end.
    var peek: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    mutating func advance() {
        guard let byte = peek else { return }
        offset += 1
        if byte == UInt8(ascii: "\n") {
            line += 1
            lineStart = offset
        }
    }

    // MARK: Between the parts

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

    // MARK: Keys and values

    /// A number or a boolean: everything up to what may follow a value.
    ///
    /// Dates and times are refused here: no setting is one, and toml++ ends the process at `2000-01-01T`. So are words
    /// that should have had quotes, for which it has no clear message.
    mutating func skipBareValue() throws(TOMLTrouble) {
        let start = self
        let digits = "0123456789".utf8
        var previous: UInt8?
        while let byte = peek, !",]}#\r\n".utf8.contains(byte) {
            let isInDate = byte == UInt8(ascii: "-") && previous.map(digits.contains) == true
            guard !isInDate && byte != UInt8(ascii: ":") else { throw start.trouble(TOMLCursor.noValue) }
            previous = byte
            advance()
        }
        let words = ["true", "false", "inf", "nan"]
        let text = bytes[start.offset..<offset]
        guard let first = text.first,
            digits.contains(first) || "+-".utf8.contains(first)
                || words.contains(where: { text.starts(with: $0.utf8) })
        else { throw start.trouble(TOMLCursor.noValue) }
    }

    private static let noValue = "expected a number, true or false, or a string in quotes"

    /// A key and the parts behind its dots; `place` names in a message what it is for.
    mutating func key(in place: String, atMost maximum: Int) throws(TOMLTrouble) -> [String] {
        var names: [String] = []
        repeat {
            skipSpaces()
            guard names.count < maximum else { throw trouble("more dots in \(place) than any setting has") }
            names.append(try keyPart(in: place))
        } while skip(UInt8(ascii: "."))
        return names
    }

    private mutating func keyPart(in place: String) throws(TOMLTrouble) -> String {
        if peek == UInt8(ascii: "\"") || peek == UInt8(ascii: "'") { return try string() }
        let start = offset
        while let byte = peek, TOMLCursor.isBare(byte) { advance() }
        guard offset > start else {
            throw trouble("expected \(place): letters, digits, \"_\" and \"-\", or a string in quotes")
        }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    private static func isBare(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    // MARK: Strings

    /// A string of any of the four kinds. Escapes are not decoded: a string that holds one is returned with NUL before
    /// it, which equals no string that TOMLKit can return.
    mutating func string() throws(TOMLTrouble) -> String {
        guard let quote = peek else { throw trouble("expected a string") }
        let opening = self
        let isBasic = quote == UInt8(ascii: "\"")
        let delimiter = [UInt8](repeating: quote, count: starts(with: [quote, quote, quote]) ? 3 : 1)
        advance(by: delimiter.count)
        let start = offset
        var isEscaped = false
        while let byte = peek, delimiter.count == 3 || byte != UInt8(ascii: "\n") {
            if isBasic && byte == UInt8(ascii: "\\") {
                isEscaped = true
                noteNulEscape()
                advance(by: 2)
            } else if starts(with: delimiter) {
                // Up to two quotes may stand right before the three that end a multi-line string.
                for _ in 0..<2 where delimiter.count == 3 && starts(with: delimiter + [quote]) { advance() }
                let text = String(decoding: bytes[start..<offset], as: UTF8.self)
                advance(by: delimiter.count)
                return isEscaped ? "\0" + text : text
            } else {
                advance()
            }
        }
        throw opening.trouble("this string has no closing quote")
    }

    private mutating func advance(by count: Int) {
        for _ in 0..<count { advance() }
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
