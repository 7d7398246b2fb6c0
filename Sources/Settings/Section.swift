/// The tables that a file may have, and the keys of each: the one list of everything that is known.
enum Section: CaseIterable {
    case top
    case limits
    case log
    case listener

    /// The keys in the order in which they are explained and printed.
    var keys: [String] {
        switch self {
        case .top: ["host", "port", "ipv6_only", "framing", "unit"]
        case .limits: ["max_connections", "max_line_bytes", "idle_timeout", "drain_timeout"]
        case .log: ["level", "connections"]
        case .listener: ["host", "port", "ipv6_only", "path", "mode", "framing", "unit"]
        }
    }

    /// The key of the table itself.
    var name: String {
        switch self {
        case .top: ""
        case .limits: "limits"
        case .log: "log"
        case .listener: "listener"
        }
    }

    /// How its header is written, to name the place in a sentence.
    var place: String {
        switch self {
        case .top: "the top level, above every [table]"
        case .limits: "[limits]"
        case .log: "[log]"
        case .listener: "[[listener]]"
        }
    }

    /// The keys that may stand in it, tables included.
    var names: [String] {
        self == .top ? keys + Section.allCases.map(\.name).filter { !$0.isEmpty } : keys
    }
}

extension Section {
    /// What is wrong with `key`, which this table does not know, and what was probably meant.
    func explain(unknown key: String) -> (problem: String, suggestion: String?) {
        let problem = "unknown key \(Literal.quoted(key))"
        let elsewhere = Section.allCases.filter { $0 != self }
        let homes = elsewhere.filter { $0.keys.contains(key) }.map(\.place)
        if !homes.isEmpty {
            let here = self == .top ? "the top level" : place
            return ("\(problem) in \(here): it belongs to \(homes.joined(separator: ", or to "))", nil)
        }
        if let near = Spelling.nearest(to: key, among: names) {
            return (problem, Literal.quoted(near))
        }
        for section in elsewhere {
            if let near = Spelling.nearest(to: key, among: section.keys) {
                return (problem, "\(Literal.quoted(near)) in \(section.place)")
            }
        }
        return ("\(problem); known here: \(names.joined(separator: ", "))", nil)
    }
}
