import Quantities
import ReverseCore

extension Settings {
    /// These settings as a TOML document, every key written out. Loaded again, it gives settings equal to these.
    ///
    /// Durations are kept to the millisecond, which is as fine as a file can say them.
    public var toml: String {
        var sections = [topLevel, table(.limits, limitValues), table(.log, logValues)]
        if plainListener == nil {
            sections += listeners.map { "[[listener]]\n" + Self.lines($0.values) }
        }
        return sections.joined(separator: "\n")
    }

    private typealias Values = [(key: String, value: String)]

    /// The only listener, when `host` and `port` can say it.
    private var plainListener: Listener? {
        guard listeners.count == 1, let listener = listeners.first, case .internet = listener.place else {
            return nil
        }
        return listener.framing == framing && listener.unit == unit ? listener : nil
    }

    private var topLevel: String {
        Self.lines(
            (plainListener?.placeValues ?? []) + [
                ("framing", Literal.quoted(framing.rawValue)),
                ("unit", Literal.quoted(unit.rawValue)),
            ]
        )
    }

    private var limitValues: Values {
        [
            ("max_connections", String(limits.maximumConnections)),
            ("max_line_bytes", Literal.quoted(ByteCountText.format(Int64(limits.maximumLineBytes)))),
            ("idle_timeout", Literal.quoted(limits.idleTimeout.map(DurationText.format) ?? "0")),
            ("drain_timeout", Literal.quoted(DurationText.format(limits.drainTimeout))),
        ]
    }

    private var logValues: Values {
        [("level", Literal.quoted(log.level.rawValue)), ("connections", String(log.connections))]
    }

    private func table(_ section: Section, _ values: Values) -> String {
        "\(section.place)\n" + Self.lines(values)
    }

    private static func lines(_ values: [(key: String, value: String)]) -> String {
        values.map { "\($0.key) = \($0.value)\n" }.joined()
    }
}

extension Settings.Listener {
    /// The keys that say where it listens.
    fileprivate var placeValues: [(key: String, value: String)] {
        switch place {
        case .internet(let host, let port):
            [("host", Literal.quoted(host)), ("port", String(port)), ("ipv6_only", String(ipv6Only))]
        case .unix(let path):
            [("path", Literal.quoted(path)), ("mode", Literal.quoted(Literal.octal(mode)))]
        }
    }

    fileprivate var values: [(key: String, value: String)] {
        placeValues + [
            ("framing", Literal.quoted(framing.rawValue)), ("unit", Literal.quoted(unit.rawValue)),
        ]
    }
}
