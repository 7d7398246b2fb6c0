import DispatchServer

/// Prometheus' text format, version 0.0.4.
struct PrometheusText {
    enum Kind: String {
        case counter, gauge, histogram, summary

        init(_ kind: MetricDescription.Kind) {
            self =
                switch kind {
                case .counter: .counter
                case .gauge: .gauge
                case .histogram: .histogram
                }
        }
    }

    /// The media type that a scraper expects.
    static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var content = ""

    /// Writes the header of a metric.
    ///
    /// - Parameter name: Any text. Characters that Prometheus does not allow become `_`.
    mutating func begin(_ name: String, kind: Kind, meaning: String?) {
        let name = Self.name(name)
        if let meaning { content += "# HELP \(name) \(Self.escaped(meaning, quotes: false))\n" }
        content += "# TYPE \(name) \(kind.rawValue)\n"
    }

    /// Writes the line of a series.
    mutating func add(_ name: String, _ labels: [(String, String)], _ value: Double) {
        content += Self.name(name)
        if !labels.isEmpty {
            let list = labels.map {
                "\(Self.name($0.0, isLabel: true))=\"\(Self.escaped($0.1, quotes: true))\""
            }
            content += "{\(list.joined(separator: ","))}"
        }
        content += " \(Self.number(value))\n"
    }

    /// A valid name for Prometheus: `[a-zA-Z_:][a-zA-Z0-9_:]*`, for a label without colons.
    private static func name(_ text: String, isLabel: Bool = false) -> String {
        var name = ""
        for scalar in text.unicodeScalars {
            let isDigit = ("0"..."9").contains(scalar)
            let isAllowed =
                ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar == "_"
                || isDigit && !name.isEmpty || scalar == ":" && !isLabel
            name.unicodeScalars.append(isAllowed ? scalar : "_")
        }
        return name.isEmpty ? "_" : name
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// A number in the format of Go's ParseFloat.
    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        if let whole = Int64(exactly: value) { return String(whole) }
        return "\(value)"
    }
}
