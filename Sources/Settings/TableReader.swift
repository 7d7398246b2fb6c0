import TextEscaping

/// Reads the tables of one document and collects all mistakes in one pass. A missing or refused value keeps its previous value.
struct TableReader {
    /// One table of the document.
    struct Table {
        var values: [String: TOMLValue]
        var line: Int
        var section: Section
        /// The number of a `[[listener]]`, from 1.
        var number = 0

        /// The name of `key` in messages.
        func name(of key: String) -> String {
            switch section {
            case .top: key
            case .limits, .log, .metrics: "\(section.rawValue).\(key)"
            case .listener: "\(section.header) \(number): \(key)"
            }
        }
    }

    let file: String
    private(set) var mistakes: [Mistake] = []

    init(file: String) {
        self.file = file
    }

    // MARK: Reading

    /// Sets those of `keys` that `table` has.
    mutating func read<Model>(_ keys: [Key<Model>], in table: Table, into model: inout Model) {
        for key in keys {
            guard let value = table.values[key.name] else { continue }
            do { try key.set(&model, value) } catch { refuse(key.name, in: table, error) }
        }
    }

    /// The table of `section` with its keys checked; nil if `top` has none, or not a table.
    mutating func table(_ section: Section, in top: Table) -> Table? {
        guard let value = top.values[section.rawValue] else { return nil }
        guard let values = value.table else {
            refuse(section.rawValue, in: top, "must be a table with the header \(section.header)")
            return nil
        }
        let table = Table(values: values, line: value.line, section: section)
        refuseUnknownKeys(in: table)
        return table
    }

    // MARK: Recording mistakes

    mutating func note(_ mistake: Mistake) {
        mistakes.append(mistake)
    }

    /// Records that the value of `key` is refused.
    mutating func refuse(_ key: String, in table: Table, _ refusal: Refusal) {
        note(
            Mistake(
                origin: .file(path: file, line: table.values[key]?.line ?? table.line),
                key: table.name(of: key),
                found: table.values[key]?.shown,
                problem: refusal.problem,
                suggestion: refusal.suggestion
            )
        )
    }

    mutating func refuse(_ key: String, in table: Table, _ problem: String) {
        refuse(key, in: table, Refusal(problem))
    }

    /// Records a mistake of a whole `[[listener]]`.
    mutating func refuse(_ listener: Table, _ problem: String) {
        let name = "\(listener.section.header) \(listener.number)"
        note(Mistake(origin: .file(path: file, line: listener.line), key: name, problem: problem))
    }

    /// Records every unknown key of `table`.
    mutating func refuseUnknownKeys(in table: Table) {
        let known = table.section.names
        for (key, value) in table.values.sorted(by: { $0.key < $1.key }) where !known.contains(key) {
            let (problem, suggestion) = table.section.explain(unknown: key)
            note(
                Mistake(
                    origin: .file(path: file, line: value.line),
                    problem: problem,
                    suggestion: suggestion
                )
            )
        }
    }
}

extension Section {
    /// Describes the unknown `key`, and what was probably meant.
    func explain(unknown key: String) -> (problem: String, suggestion: String?) {
        let problem = "unknown key \(PrintableText.quoted(key))"
        let others = Section.allCases.filter { $0 != self }
        let owners = others.filter { $0.keys.contains(key) }.map(\.header)
        if !owners.isEmpty {
            let here = self == .top ? "the top level" : header
            return ("\(problem) in \(here): it belongs to \(owners.joined(separator: ", or to "))", nil)
        }
        if let near = Spelling.nearest(to: key, among: names) { return (problem, PrintableText.quoted(near)) }
        for section in others {
            if let near = Spelling.nearest(to: key, among: section.keys) {
                return (problem, "\(PrintableText.quoted(near)) in \(section.header)")
            }
        }
        return ("\(problem); known here: \(names.joined(separator: ", "))", nil)
    }
}
