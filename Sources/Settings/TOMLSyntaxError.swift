import TextEscaping

/// Why a text is not TOML: the parser's message and, for common slips, a better explanation.
struct TOMLSyntaxError: Error {
    /// Where the parser stopped. Both count from 1, the column in code points.
    var line: Int
    var column: Int
    /// The parser's message.
    var description: String

    /// Explains the mistake in `text`.
    func mistake(in text: String, path: String) -> Mistake {
        let text = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
        let rows = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { String(decoding: $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0, as: UTF8.self) }
        var hint = Hint(column: column, problem: "not TOML 1.0: \(description)")
        if rows.indices.contains(line - 1) {
            hint = unclosed(in: rows) ?? repeated(in: rows) ?? self.hint(SourceRow(rows[line - 1])) ?? hint
        }
        return Mistake(
            origin: .file(path: path, line: hint.line ?? line, column: hint.column),
            problem: hint.problem,
            suggestion: hint.suggestion
        )
    }

    private struct Hint {
        var line: Int?
        var column: Int
        var problem: String
        var suggestion: String?
    }

    private func isParsing(_ parts: String...) -> Bool {
        parts.contains { description.contains("parsing \($0)") }
    }

    /// A string, an array or a table without an end. The parser stops at the end of the file or at the next key.
    private func unclosed(in rows: [String]) -> Hint? {
        let row = SourceRow(rows[line - 1])
        let isAtStart = column <= row.start && (row.value != nil || row.text.contains("["))
        let isAtEnd =
            description.contains("end-of-file")
            || isParsing("inline table") && column > row.text.unicodeScalars.count
        guard isAtEnd || isAtStart && !isParsing("root table", "table header", "key") else { return nil }
        let (openings, problem): ([String], String) =
            if isParsing("string") {
                (["\"\"\"", "'''", "\"", "'"], "this string has no closing quote")
            } else if isParsing("inline table") {
                (["{"], "this table has no closing brace on its line, where TOML 1.0 wants it")
            } else if isParsing("array") || isAtStart {
                (["["], "this array has no closing bracket")
            } else {
                ([], "")
            }
        for number in stride(from: isAtStart ? line - 1 : line, through: 1, by: -1) {
            for opening in openings {
                guard let column = SourceRow(rows[number - 1]).column(of: opening) else { continue }
                return Hint(line: number, column: column, problem: problem)
            }
        }
        return nil
    }

    /// A duplicate key or table.
    private func repeated(in rows: [String]) -> Hint? {
        guard description.contains("cannot redefine existing") else { return nil }
        let name = SourceRow(rows[line - 1]).name
        guard let earlier = rows[..<(line - 1)].lastIndex(where: { SourceRow($0).name == name }) else {
            return nil
        }
        let column = SourceRow(rows[line - 1]).start
        return Hint(column: column, problem: "\(name) is there already, on line \(earlier + 1)")
    }

    private func hint(_ row: SourceRow) -> Hint? {
        if row.text.utf8.contains(0) {
            return Hint(column: column, problem: "a NUL byte; is this a text file?")
        }
        if isParsing("root table"), column <= row.start {
            if let sign = row.commentSign {
                return Hint(column: row.start, problem: "a comment begins with \"#\", not with \"\(sign)\"")
            }
            return Hint(
                column: row.start,
                problem: "expected a key made of A-Z, a-z, 0-9, \"_\" and \"-\", a [table] or a comment, "
                    + "which begins with \"#\""
            )
        }
        if isParsing("table header"), let header = row.closedHeader {
            return Hint(column: column, problem: "this table header has no end", suggestion: header)
        }
        guard let key = row.key else { return nil }
        guard let value = row.value else {
            guard isParsing("key-value pair") || row.afterKey.hasPrefix("=") else { return nil }
            let sign = [":=", "=>", "==", ":"].first { row.afterKey.hasPrefix($0) } ?? ""
            let rest = row.afterKey.dropFirst(sign.count)
            let isClear = !rest.isEmpty && !rest.contains("=")
            return Hint(
                column: column,
                problem: "expected \"=\" after the key",
                suggestion: isClear ? "\(key) = \(SourceRow.meant(rest))" : nil
            )
        }
        guard column >= row.valueColumn, !value.hasPrefix("["), !value.hasPrefix("{") else { return nil }
        if let quote = value.first, "\"'".contains(quote), !value.dropFirst().contains(quote) {
            return Hint(column: row.valueColumn, problem: "this string has no closing quote")
        }
        let meant = SourceRow.meant(value[...])
        if description.contains("expected a comment") {
            return Hint(
                column: column,
                problem: "only a comment, which begins with \"#\", may follow the value on its line",
                suggestion: meant.hasPrefix("\"") ? nil : "\(key) = \(meant)"
            )
        }
        guard value.isEmpty || !isParsing("key-value pair") else { return nil }
        guard value.first.map({ !"\"'".contains($0) }) ?? true, !SourceRow.isTime(value) else { return nil }
        if SourceRow.isWholeNumber(value), Int(value) == nil {
            return Hint(column: row.valueColumn, problem: "the number \(value.prefix(40)) is too large")
        }
        let isStraight = value.first.map { !"“”„‘’«»`´".contains($0) } ?? true
        return Hint(
            column: row.valueColumn,
            problem: isStraight
                ? "expected a number, true or false, or a string in quotes"
                : "a string is written in straight quotes, \" or '",
            suggestion: value.isEmpty ? nil : "\(key) = \(meant)"
        )
    }
}

/// One line of a document that is not TOML, split as its writer may have meant it.
private struct SourceRow {
    let text: String
    /// The column of the first character that is not a space.
    let start: Int
    /// The key at its beginning, if any.
    let key: String?
    let afterKey: Substring
    /// The text after "=", without a comment.
    let value: String?
    let valueColumn: Int

    init(_ text: String) {
        self.text = text
        let body = text.drop(while: \.isWhitespace)
        start = text.unicodeScalars.count - body.unicodeScalars.count + 1
        let key = body.prefix { ($0.isASCII && ($0.isLetter || $0.isNumber)) || "_-.".contains($0) }
        self.key = key.isEmpty ? nil : String(key)
        afterKey = body.dropFirst(key.count).drop(while: \.isWhitespace)
        let value = afterKey.dropFirst().drop(while: \.isWhitespace)
        valueColumn = text.unicodeScalars.count - value.unicodeScalars.count + 1
        let isPair = !key.isEmpty && afterKey.hasPrefix("=") && !value.hasPrefix("=") && !value.hasPrefix(">")
        self.value = isPair ? Self.trimmed(value.prefix { $0 != "#" }) : nil
    }

    /// The key or the header, for comparing it.
    var name: String {
        key ?? Self.trimmed(text.prefix { $0 != "#" })
    }

    func column(of part: String) -> Int? {
        text.firstRange(of: part).map { text.unicodeScalars[..<$0.lowerBound].count + 1 }
    }

    /// The comment mark of another language at the beginning of this line, if any.
    var commentSign: String? {
        let body = text.drop(while: \.isWhitespace)
        return ["//", "/*", "--", ";", "%"].first { body.hasPrefix($0) }
    }

    /// The header of this line with its missing brackets; nil if none are missing.
    var closedHeader: String? {
        let body = Self.trimmed(text.prefix { $0 != "#" })
        let name = Self.trimmed(body.drop { $0 == "[" }.prefix { $0 != "]" })
        let (open, close) = body.hasPrefix("[[") ? ("[[", "]]") : ("[", "]")
        guard !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber || "_-.".contains($0) }) else {
            return nil
        }
        return body.hasSuffix(close) ? nil : open + name + close
    }

    /// What `text` probably means as TOML: a number, a boolean or a string.
    static func meant(_ text: Substring) -> String {
        var text = text.prefix { $0 != "#" }
        for sign in ["//", "/*", ";"] {
            if let range = text.firstRange(of: " " + sign) { text = text[..<range.lowerBound] }
        }
        var value = trimmed(text)
        while let last = value.last, ";,".contains(last) { value.removeLast() }
        switch value.lowercased() {
        case "true", "yes", "on": return "true"
        case "false", "no", "off": return "false"
        default: break
        }
        let quotes = "\"'“”„‘’«»`´"
        let isQuoted = value.first.map { quotes.contains($0) } == true
        if !isQuoted, let number = Int(value), String(number) == value { return value }
        return PrintableText.quoted(isQuoted ? value.filter { !quotes.contains($0) } : value)
    }

    static func isWholeNumber(_ value: String) -> Bool {
        let digits = value.first == "-" || value.first == "+" ? value.dropFirst() : value[...]
        return !digits.isEmpty && digits.utf8.allSatisfy { (48...57).contains($0) }
    }

    /// Whether `value` looks like a date or a time.
    static func isTime(_ value: String) -> Bool {
        value.first.map(\.isNumber) == true && value.allSatisfy { "0123456789-:.TZtz+ ".contains($0) }
            && (value.contains("-") || value.dropFirst(2).hasPrefix(":"))
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }

    private static func trimmed(_ text: String) -> String { trimmed(text[...]) }
}
