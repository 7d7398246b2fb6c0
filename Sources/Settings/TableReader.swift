import Quantities
import TOMLKit

/// Takes values out of the tables of one document, each checked, and gathers every mistake on the way.
///
/// A method that answers `nil` has either found no such key or has noted a mistake; the caller goes on with the
/// default, so that all mistakes are found in one pass.
struct TableReader {
    /// One table of the document.
    struct Table {
        var content: TOMLTable
        var section: Section
        var path: [TOMLOutline.Step]
        /// What its keys are called in messages is this and the key.
        var prefix: String
    }

    let file: String
    let outline: TOMLOutline
    private(set) var mistakes: [Mistake] = []

    init(file: String, outline: TOMLOutline) {
        self.file = file
        self.outline = outline
    }

    func has(_ key: String, in table: Table) -> Bool {
        table.content[key] != nil
    }

    func line(of key: String, in table: Table) -> Int? {
        outline.lines[table.path + [.key(key)]]
    }

    // MARK: Noting mistakes

    mutating func note(_ mistake: Mistake) {
        mistakes.append(mistake)
    }

    /// Notes that the value of `key` will not do, and says what would.
    mutating func refuse(_ key: String, in table: Table, _ allowed: String, suggestion: String? = nil) {
        note(
            Mistake(
                origin: .file(path: file, line: line(of: key, in: table)),
                key: table.prefix + key,
                found: table.content[key].map { Literal.shown($0) },
                allowed: allowed,
                suggestion: suggestion
            )
        )
    }

    /// Notes something about a table as a whole.
    mutating func refuse(_ table: Table, _ problem: String) {
        note(
            Mistake(
                origin: .file(path: file, line: outline.lines[table.path]),
                key: table.prefix.isEmpty ? nil : String(table.prefix.dropLast(2)),
                allowed: problem
            )
        )
    }

    /// Notes every key that `table` should not have.
    mutating func refuseUnknownKeys(in table: Table) {
        for key in table.content.keys where !table.section.names.contains(key) {
            let (problem, suggestion) = table.section.explain(unknown: key)
            note(
                Mistake(
                    origin: .file(path: file, line: line(of: key, in: table)),
                    allowed: problem,
                    suggestion: suggestion
                )
            )
        }
    }

    // MARK: Taking values

    mutating func string(_ key: String, in table: Table) -> String? {
        guard let value = table.content[key] else { return nil }
        if let string = value.string { return string }
        refuse(key, in: table, "must be a string in quotes")
        return nil
    }

    mutating func boolean(_ key: String, in table: Table) -> Bool? {
        guard let value = table.content[key] else { return nil }
        if let boolean = value.bool { return boolean }
        let word = value.string?.lowercased()
        refuse(
            key,
            in: table,
            "must be true or false, without quotes",
            suggestion: word == "true" || word == "false" ? word : nil
        )
        return nil
    }

    mutating func wholeNumber(_ key: String, in table: Table, range: ClosedRange<Int>) -> Int? {
        guard let value = table.content[key] else { return nil }
        if let number = value.int, range.contains(number) { return number }
        var suggestion: String?
        if let text = value.string, let number = Int(text), range.contains(number) {
            suggestion = String(number)
        }
        let allowed = "must be a whole number from \(range.lowerBound) to \(range.upperBound)"
        refuse(key, in: table, allowed, suggestion: suggestion)
        return nil
    }

    /// One of the words that `Word` has.
    mutating func word<Word: RawRepresentable & CaseIterable>(_ key: String, in table: Table) -> Word?
    where Word.RawValue == String {
        guard let value = table.content[key] else { return nil }
        if let text = value.string, let word = Word(rawValue: text) { return word }
        let words = Word.allCases.map(\.rawValue)
        let near = value.string.flatMap { Spelling.nearest(to: $0, among: words) }
        refuse(
            key,
            in: table,
            "must be one of \(words.map(Literal.quoted).joined(separator: ", "))",
            suggestion: near.map(Literal.quoted)
        )
        return nil
    }

    /// A size: a whole number of bytes, or a string with a unit.
    mutating func byteCount(_ key: String, in table: Table, range: ClosedRange<Int64>) -> Int64? {
        guard let value = table.content[key] else { return nil }
        let bytes = value.int.map { Int64($0) } ?? value.string.flatMap(ByteCountText.parse)
        if let bytes, range.contains(bytes) { return bytes }
        let bounds = "\(ByteCountText.format(range.lowerBound)) to \(ByteCountText.format(range.upperBound))"
        var correction: String?
        if bytes == nil, let text = value.string.flatMap(ByteCountText.correction(of:)),
            ByteCountText.parse(text).map(range.contains) == true
        {
            correction = Literal.quoted(text)
        }
        let allowed =
            "must be a number of bytes, or a whole number with B, KiB, MiB or GiB such as \"64KiB\", from \(bounds)"
        refuse(key, in: table, allowed, suggestion: correction)
        return nil
    }

    /// A duration: a string with a unit. `zero` says what "0" stands for, where it is allowed.
    mutating func duration(
        _ key: String,
        in table: Table,
        range: ClosedRange<Duration>,
        zero: String? = nil
    ) -> Duration? {
        guard let value = table.content[key] else { return nil }
        let duration = value.int == 0 ? .zero : value.string.flatMap(DurationText.parse)
        if let duration, range.contains(duration) || (zero != nil && duration == .zero) { return duration }
        let bounds = "\(DurationText.format(range.lowerBound)) to \(DurationText.format(range.upperBound))"
        var allowed = "must be a whole number with ms, s, min or h such as \"10s\", from \(bounds)"
        if let zero { allowed += ", or \"0\" for \(zero)" }
        var correction: String?
        if duration == nil,
            let text = (value.string ?? value.int.map { String($0) }).flatMap(DurationText.correction(of:)),
            DurationText.parse(text).map(range.contains) == true
        {
            correction = Literal.quoted(text)
        }
        refuse(key, in: table, allowed, suggestion: correction)
        return nil
    }
}
