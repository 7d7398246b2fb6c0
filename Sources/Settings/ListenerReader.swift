import ReverseCore
import TOMLKit

extension TableReader {
    /// The listeners that the top level or the `[[listener]]` tables make, or that the flags put in their place.
    mutating func listeners(
        in top: Table,
        framing: Framing,
        unit: ReversalUnit,
        overrides: Overrides
    ) -> [Settings.Listener] {
        let plain = Settings.Listener(
            place: .internet(host: Settings.Listener.defaultHost, port: Settings.Listener.defaultPort),
            framing: framing,
            unit: unit
        )
        let isFlagged = overrides.host != nil || overrides.port != nil
        if has("listener", in: top) {
            for key in ["host", "port", "ipv6_only"] where has(key, in: top) {
                refuse(key, in: top, "must not stand beside [[listener]]; move it into one")
            }
            let tables = listenerTables(in: top)
            let listeners = tables.map { listener(in: $0, defaults: plain) }
            refuseOverlaps(among: listeners, in: tables)
            return isFlagged ? [flagged(plain, overrides)] : listeners.compactMap { $0 }
        }
        let single = internetListener(in: top, defaults: plain, flaggedHost: overrides.host)
        return [isFlagged ? flagged(single, overrides) : single]
    }

    /// Notes every pair of `[[listener]]` tables that the kernel would refuse, once for the later of the two.
    private mutating func refuseOverlaps(among listeners: [Settings.Listener?], in tables: [Table]) {
        for (index, pair) in zip(listeners, tables).enumerated() {
            for earlier in 0..<index {
                guard let listener = pair.0, let other = listeners[earlier] else { continue }
                guard let reason = listener.overlap(with: other) else { continue }
                let line = outline.lines[tables[earlier].path].map { " (line \($0))" } ?? ""
                refuse(pair.1, "cannot listen beside [[listener]] \(earlier + 1)\(line): \(reason)")
                break
            }
        }
    }

    /// More than anybody needs; every pair of them is compared.
    private static var maximumListeners: Int { 256 }

    private mutating func listenerTables(in top: Table) -> [Table] {
        let values = top.content["listener"]?.array.map { Array($0) } ?? []
        guard values.count <= Self.maximumListeners else {
            refuse(
                "listener",
                in: top,
                "there may be at most \(Self.maximumListeners); this file has \(values.count)"
            )
            return []
        }
        let tables = values.enumerated().compactMap { index, value in
            value.table.map {
                Table(
                    content: $0,
                    section: .listener,
                    path: [.key("listener"), .element(index)],
                    prefix: "[[listener]] \(index + 1): "
                )
            }
        }
        if tables.isEmpty || tables.count < values.count {
            refuse("listener", in: top, "must be one or more tables, each with the header [[listener]]")
        }
        return tables
    }

    private mutating func listener(in table: Table, defaults: Settings.Listener) -> Settings.Listener? {
        let before = mistakes.count
        refuseUnknownKeys(in: table)
        var defaults = defaults
        defaults.framing = word("framing", in: table) ?? defaults.framing
        defaults.unit = word("unit", in: table) ?? defaults.unit
        let listener: Settings.Listener
        if has("path", in: table) {
            listener = unixListener(in: table, defaults: defaults)
        } else if has("host", in: table) || has("port", in: table) {
            if has("mode", in: table) {
                refuse("mode", in: table, "belongs to path: only a Unix socket has a file")
            }
            listener = internetListener(in: table, defaults: defaults, flaggedHost: nil)
        } else {
            refuse(table, "does not say where to listen: give it host and port, or path")
            return nil
        }
        return mistakes.count == before ? listener : nil
    }
}

// MARK: - Internet listeners

extension TableReader {
    private mutating func internetListener(
        in table: Table,
        defaults: Settings.Listener,
        flaggedHost: String?
    ) -> Settings.Listener {
        guard case .internet(let defaultHost, let defaultPort) = defaults.place else { return defaults }
        let host = host(in: table) ?? defaultHost
        let port =
            wholeNumber("port", in: table, range: 0...65535).flatMap { UInt16(exactly: $0) } ?? defaultPort
        var listener = defaults
        listener.place = .internet(host: host, port: port)
        listener.ipv6Only = boolean("ipv6_only", in: table) ?? defaults.ipv6Only
        if listener.ipv6Only && flaggedHost == nil && HostText.isIPv4(host) {
            refuse("ipv6_only", in: table, "cannot be: the host \(Literal.quoted(host)) is an IPv4 address")
        }
        return listener
    }

    private mutating func host(in table: Table) -> String? {
        guard let host = string("host", in: table) else { return nil }
        do {
            _ = try HostText(host)
            return host
        } catch {
            refuse("host", in: table, error.allowed, suggestion: error.suggestion)
            return nil
        }
    }

    /// `listener` with the host and port of the flags.
    private mutating func flagged(_ listener: Settings.Listener, _ overrides: Overrides) -> Settings.Listener
    {
        guard case .internet(var host, var port) = listener.place else { return listener }
        if let flag = overrides.host {
            do {
                _ = try HostText(flag)
                host = flag
            } catch {
                note(
                    Mistake(
                        origin: .flag("--host"),
                        found: Literal.quoted(flag),
                        allowed: error.allowed,
                        suggestion: error.suggestion
                    )
                )
            }
        }
        port = overrides.port ?? port
        var result = listener
        result.place = .internet(host: host, port: port)
        result.ipv6Only = listener.ipv6Only && !HostText.isIPv4(host)
        return result
    }
}

// MARK: - Unix listeners

extension TableReader {
    /// 108 bytes of `sun_path` less the NUL at its end (unix(7)).
    private static let maximumPathBytes = 107

    private mutating func unixListener(in table: Table, defaults: Settings.Listener) -> Settings.Listener {
        for key in ["host", "port", "ipv6_only"] where has(key, in: table) {
            refuse(key, in: table, "must not stand beside path: a listener has either path, or host and port")
        }
        var listener = defaults
        listener.place = .unix(path: path(in: table) ?? "")
        listener.mode = mode(in: table) ?? defaults.mode
        return listener
    }

    private mutating func path(in table: Table) -> String? {
        guard let path = string("path", in: table) else { return nil }
        if path.isEmpty || !path.hasPrefix("/") {
            refuse("path", in: table, "must be an absolute path, one that begins with \"/\"")
        } else if path.hasSuffix("/") {
            refuse("path", in: table, "must name a socket file, not a directory")
        } else if path.utf8.count > Self.maximumPathBytes {
            let length = path.utf8.count
            refuse(
                "path",
                in: table,
                "must be at most \(Self.maximumPathBytes) bytes long; this one has \(length)"
            )
        } else {
            return path
        }
        return nil
    }

    private mutating func mode(in table: Table) -> UInt32? {
        guard let value = table.content["mode"] else { return nil }
        if let text = value.string, (3...4).contains(text.utf8.count), !text.hasPrefix("+"),
            !text.hasPrefix("-"),
            let mode = UInt32(text, radix: 8), mode <= 0o777
        {
            return mode
        }
        refuse(
            "mode",
            in: table,
            "must be octal digits in quotes, from \"0000\" to \"0777\", such as \"0660\""
        )
        return nil
    }
}
