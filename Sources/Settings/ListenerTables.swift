import DispatchServer
import Sockets
import TextEscaping

extension TableReader {
    /// The most listeners. Every pair of them is compared.
    private static var maximumListeners: Int { 256 }

    /// Reads the listeners of the top level or of the `[[listener]]` tables, or the one of the options instead.
    ///
    /// - Parameter plain: The default listener, with the top level's framing and unit.
    mutating func listeners(
        in top: Table,
        plain: Settings.Listener,
        overrides: Overrides
    ) -> [Settings.Listener] {
        var single = plain
        var listeners: [Settings.Listener]?
        if top.values[Section.listener.rawValue] != nil {
            for key in Keys.address.map(\.name) where top.values[key] != nil {
                refuse(key, in: top, "cannot be combined with [[listener]]; move it into one")
            }
            listeners = listenerTables(in: top, plain: plain)
            let isExpected = ([plain] + (listeners ?? [])).contains(where: \.proxyProtocol.isExpected)
            if !isExpected, !plain.proxyProtocol.trusted.isEmpty { refuseUnusedNetworks(in: top) }
            if overrides.host != nil || overrides.port != nil { checkProxyProtocol(of: &single, in: top) }
        } else {
            single = internetListener(in: top, plain: plain, hostFlag: overrides.host)
            checkProxyProtocol(of: &single, in: top)
        }
        if overrides.host != nil || overrides.port != nil { return [withFlags(single, overrides)] }
        return listeners ?? [single]
    }

    private mutating func listenerTables(in top: Table, plain: Settings.Listener) -> [Settings.Listener] {
        let key = Section.listener.rawValue
        let values = top.values[key]?.array ?? []
        guard values.count <= Self.maximumListeners else {
            refuse(
                key,
                in: top,
                "there may be at most \(Self.maximumListeners); this file has \(values.count)"
            )
            return []
        }
        var tables: [Table] = []
        for (index, value) in values.enumerated() {
            guard let content = value.table else { continue }
            tables.append(Table(values: content, line: value.line, section: .listener, number: index + 1))
        }
        if tables.isEmpty || tables.count < values.count {
            refuse(key, in: top, "must be one or more tables, each with the header [[listener]]")
        }
        var read: [(listener: Settings.Listener, table: Table)] = []
        for table in tables {
            guard let listener = listener(in: table, plain: plain) else { continue }
            // Report each pair once, at the later listener.
            let reasons = read.lazy.compactMap { earlier in
                listener.overlap(with: earlier.listener).map { (earlier.table, $0) }
            }
            if let (other, reason) = reasons.first {
                refuse(
                    table,
                    "cannot listen beside [[listener]] \(other.number) (line \(other.line)): \(reason)"
                )
            }
            read.append((listener, table))
        }
        return read.map(\.listener)
    }

    /// Reads one listener; nil after recording a mistake.
    private mutating func listener(in table: Table, plain: Settings.Listener) -> Settings.Listener? {
        let before = mistakes.count
        refuseUnknownKeys(in: table)
        var listener = plain
        if table.values["path"] != nil {
            for key in Keys.address.map(\.name) where table.values[key] != nil {
                refuse(
                    key,
                    in: table,
                    "cannot be combined with path: a listener has either path, or host and port"
                )
            }
            read(Keys.socketFile, in: table, into: &listener)
        } else if table.values["host"] != nil || table.values["port"] != nil {
            if table.values["mode"] != nil {
                refuse("mode", in: table, "belongs to path: only a Unix socket has a file")
            }
            listener = internetListener(in: table, plain: plain, hostFlag: nil)
        } else {
            refuse(table, "does not say where to listen: give it host and port, or path")
        }
        read(Keys.options, in: table, into: &listener)
        checkProxyProtocol(of: &listener, in: table)
        return mistakes.count == before ? listener : nil
    }

    private mutating func internetListener(
        in table: Table,
        plain: Settings.Listener,
        hostFlag: String?
    ) -> Settings.Listener {
        var listener = plain
        read(Keys.address, in: table, into: &listener)
        if listener.ipv6Only, hostFlag == nil, case .internet(let host, _) = listener.endpoint,
            HostText.isIPv4(host)
        {
            let host = PrintableText.quoted(host)
            refuse("ipv6_only", in: table, "cannot be: the host \(host) is an IPv4 address")
        }
        return listener
    }

    /// `listener` with the host and port of the command line.
    private mutating func withFlags(_ listener: Settings.Listener, _ overrides: Overrides)
        -> Settings.Listener
    {
        var result = listener
        if let flag = overrides.host {
            let value = TOMLValue(content: .string(flag), line: 0)
            do { try Keys.host.set(&result, value) } catch {
                note(
                    Mistake(
                        origin: .flag("--host"),
                        found: value.shown,
                        problem: error.problem,
                        suggestion: error.suggestion
                    )
                )
            }
        }
        guard case .internet(let host, let port) = result.endpoint else { return result }
        result.endpoint = .internet(host: host, port: overrides.port ?? port)
        result.ipv6Only = listener.ipv6Only && !HostText.isIPv4(host)
        return result
    }
}
