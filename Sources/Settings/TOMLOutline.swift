/// The outline of a TOML document: which keys it has, and on which line each stands.
///
/// It is read before the parser of TOMLKit sees the document, for two reasons. TOMLKit does not say where a key
/// stands. And its parser (toml++ 3.4) ends the process at some mistakes that people make, such as `[=]` and
/// `a = [}`: there an assertion stands where an error should be. So the parser gets only what has an outline.
///
/// The outline knows where strings, comments, brackets and keys end, and accepts some things that are not TOML; it
/// leaves those to the parser. What it refuses is either not TOML or no setting of ours.
struct TOMLOutline {
    /// One step from the top of a document to a value.
    enum Step: Hashable {
        case key(String)
        case element(Int)
    }

    /// The line of the first mention of each key, table and element, from 1.
    private(set) var lines: [[Step]: Int] = [:]
    /// Where the outline ends early, and why; `nil` when it reaches the end of the document.
    private(set) var trouble: TOMLTrouble?
    /// How many bytes of the document the outline covers: whole statements only.
    private(set) var understoodBytes = 0
    /// The lines of strings that hold the escape of NUL. TOMLKit hands strings over as C strings, cut off there.
    var linesWithNulEscape: [Int] { cursor.linesWithNulEscape }

    /// Deeper than any key or value of ours. It keeps both this type and the parser, which take down what is
    /// nested by recursion, far from the end of the stack.
    static let maximumDepth = 16

    private var elementCounts: [[Step]: Int] = [:]
    private var cursor: TOMLCursor

    init(of document: String) {
        cursor = TOMLCursor(document)
        var table: [Step] = []
        do throws(TOMLTrouble) {
            cursor.skipBlankLines()
            while let byte = cursor.peek {
                understoodBytes = cursor.offset
                if byte == UInt8(ascii: "[") {
                    table = try header()
                } else {
                    try pair(in: table, depth: 0)
                }
                cursor.skipBlankLines()
            }
            understoodBytes = cursor.offset
        } catch {
            trouble = error
        }
    }

    private mutating func record(_ path: [Step], line: Int) {
        if lines[path] == nil { lines[path] = line }
    }

    /// `[a.b]` or `[[a.b]]`; answers the path of the table that it opens.
    private mutating func header() throws(TOMLTrouble) -> [Step] {
        let line = cursor.line
        cursor.advance()
        let isArray = cursor.peek == UInt8(ascii: "[")
        if isArray { cursor.advance() }
        let names = try cursor.key(in: "a table header", atMost: Self.maximumDepth)
        for _ in 0..<(isArray ? 2 : 1) {
            guard cursor.skip(UInt8(ascii: "]")) else { throw cursor.trouble("this table header has no end") }
        }
        var path: [Step] = []
        for (index, name) in names.enumerated() {
            path.append(.key(name))
            record(path, line: line)
            if isArray && index == names.count - 1 {
                let count = elementCounts[path, default: 0]
                elementCounts[path] = count + 1
                path.append(.element(count))
            } else if let count = elementCounts[path] {
                path.append(.element(count - 1))
            }
            record(path, line: line)
        }
        return path
    }

    /// `a.b = value`.
    private mutating func pair(in table: [Step], depth: Int) throws(TOMLTrouble) {
        let line = cursor.line
        let names = try cursor.key(in: "a key", atMost: Self.maximumDepth)
        guard cursor.skip(UInt8(ascii: "=")) else { throw cursor.trouble("expected \"=\" after the key") }
        var path = table
        for name in names {
            path.append(.key(name))
            record(path, line: line)
        }
        try value(at: path, depth: depth)
    }

    private mutating func value(at path: [Step], depth: Int) throws(TOMLTrouble) {
        guard depth < Self.maximumDepth else {
            throw cursor.trouble("nested more deeply than any setting is")
        }
        cursor.skipSpaces()
        switch cursor.peek {
        case UInt8(ascii: "\""), UInt8(ascii: "'"): _ = try cursor.string()
        case UInt8(ascii: "["): try array(at: path, depth: depth + 1)
        case UInt8(ascii: "{"): try inlineTable(at: path, depth: depth + 1)
        default: try cursor.skipBareValue()
        }
    }

    private mutating func array(at path: [Step], depth: Int) throws(TOMLTrouble) {
        let start = cursor
        cursor.advance()
        var index = 0
        while true {
            cursor.skipBlankLines()
            guard cursor.peek != nil else { throw start.trouble("this array has no closing bracket") }
            if cursor.skip(UInt8(ascii: "]")) { return }
            record(path + [.element(index)], line: cursor.line)
            try value(at: path + [.element(index)], depth: depth)
            index += 1
            cursor.skipBlankLines()
            _ = cursor.skip(UInt8(ascii: ","))
        }
    }

    private mutating func inlineTable(at path: [Step], depth: Int) throws(TOMLTrouble) {
        let start = cursor
        cursor.advance()
        while true {
            cursor.skipBlankLines()
            guard cursor.peek != nil else { throw start.trouble("this table has no closing brace") }
            if cursor.skip(UInt8(ascii: "}")) { return }
            try pair(in: path, depth: depth)
            cursor.skipBlankLines()
            _ = cursor.skip(UInt8(ascii: ","))
        }
    }
}

/// Why a document has no outline, and where; line and column count from 1.
struct TOMLTrouble: Error, Equatable {
    var line: Int
    var column: Int
    var problem: String
}
