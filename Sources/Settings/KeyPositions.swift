/// On which line each key of a TOML document stands, because TOMLKit does not say.
///
/// It reads documents that TOMLKit has accepted, so it knows where strings, brackets and comments end and leaves
/// judgement to the parser. Whatever it does not understand has no line: a message without a line is better than
/// one with a wrong line.
struct KeyPositions {
    /// One step from the top of a document to a value.
    enum Step: Hashable {
        case key(String)
        case element(Int)
    }

    /// The lines of strings that hold the escape of NUL, which would end a C string early.
    private(set) var linesWithNulEscape: [Int] = []
    private(set) var lines: [[Step]: Int] = [:]
    private var elementCounts: [[Step]: Int] = [:]
    private var cursor: TOMLCursor

    init(document: String) {
        cursor = TOMLCursor(document)
        var table: [Step] = []
        cursor.skipBlankLines()
        while let byte = cursor.peek {
            let understood: Bool
            if byte == UInt8(ascii: "[") {
                understood = scanHeader(into: &table)
            } else {
                understood = scanPair(in: table)
            }
            guard understood else {
                lines = [:]
                break
            }
            cursor.skipBlankLines()
        }
        linesWithNulEscape = cursor.linesWithNulEscape
    }

    /// The line of the first mention of the value at `path`, from 1.
    func line(of path: [Step]) -> Int? { lines[path] }

    private mutating func record(_ path: [Step], line: Int) {
        if lines[path] == nil { lines[path] = line }
    }

    private mutating func scanHeader(into table: inout [Step]) -> Bool {
        let line = cursor.line
        cursor.advance()
        let isArray = cursor.skip(UInt8(ascii: "["))
        guard let names = cursor.key() else { return false }
        guard cursor.skip(UInt8(ascii: "]")), !isArray || cursor.skip(UInt8(ascii: "]")) else { return false }
        table = []
        for (index, name) in names.enumerated() {
            table.append(.key(name))
            record(table, line: line)
            if isArray && index == names.count - 1 {
                let count = elementCounts[table, default: 0]
                elementCounts[table] = count + 1
                table.append(.element(count))
            } else if let count = elementCounts[table] {
                table.append(.element(count - 1))
            }
            record(table, line: line)
        }
        return true
    }

    private mutating func scanPair(in table: [Step]) -> Bool {
        let line = cursor.line
        guard let names = cursor.key(), cursor.skip(UInt8(ascii: "=")) else { return false }
        var path = table
        for name in names {
            path.append(.key(name))
            record(path, line: line)
        }
        return scanValue(at: path)
    }

    private mutating func scanValue(at path: [Step]) -> Bool {
        cursor.skipSpaces()
        switch cursor.peek {
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return cursor.string() != nil
        case UInt8(ascii: "["): return scanArray(at: path)
        case UInt8(ascii: "{"): return scanInlineTable(at: path)
        default: return cursor.skipBareValue()
        }
    }

    private mutating func scanArray(at path: [Step]) -> Bool {
        cursor.advance()
        var index = 0
        while true {
            cursor.skipBlankLines()
            if cursor.skip(UInt8(ascii: "]")) { return true }
            record(path + [.element(index)], line: cursor.line)
            guard scanValue(at: path + [.element(index)]) else { return false }
            index += 1
            cursor.skipBlankLines()
            _ = cursor.skip(UInt8(ascii: ","))
        }
    }

    private mutating func scanInlineTable(at path: [Step]) -> Bool {
        cursor.advance()
        while true {
            cursor.skipBlankLines()
            if cursor.skip(UInt8(ascii: "}")) { return true }
            guard scanPair(in: path) else { return false }
            cursor.skipBlankLines()
            _ = cursor.skip(UInt8(ascii: ","))
        }
    }
}
