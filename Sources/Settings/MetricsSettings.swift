import Sockets
import TextEscaping

/// Where the metrics go; nowhere by default.
public struct MetricsSettings: Sendable, Equatable {
    /// Where an HTTP server for them listens; nil for none.
    public var endpoint: Endpoint?
    /// The permission bits of its file, where it is a Unix socket.
    public var mode: UInt32 = 0o660
    /// The path of the file that they are written to; nil for none.
    public var file: String?
    /// How often the file is written, at least a second.
    public var interval = Duration.seconds(15)

    /// The defaults.
    public init() {}
}

extension Notation<Endpoint> {
    /// A host with a port, or the path of a Unix socket, in one string.
    static let endpoint = Notation("string") { value throws(Refusal) in
        let rule = "must be a host with a port, such as \"127.0.0.1:9150\", or the path of a Unix socket"
        guard let text = value.string else { throw Refusal("\(rule), in quotes") }
        if text.hasPrefix("/") {
            try SocketPath.check(text)
            return .unix(path: text)
        }
        // If two default ports give different results, the text names no port.
        let read = [1, 2].compactMap { try? Endpoint(parsing: text, defaultPort: $0) }
        guard read.count == 2, case .internet(let host, let port) = read[0] else { throw Refusal(rule) }
        guard read[0] == read[1] else {
            let meant = read[0].description.dropLast(2)
            throw Refusal("\(rule); this one has no port", meant: PrintableText.quoted("\(meant):9150"))
        }
        do throws(Refusal) { _ = try HostText(host) } catch {
            throw Refusal("names a host that \(error.problem)")
        }
        return .internet(host: host, port: port)
    } write: {
        PrintableText.quoted("\($0)")
    }
}

extension Notation {
    /// The same, or an empty string, which is read as nil. `meaning` says what it stands for.
    func orEmpty(for meaning: String) -> Notation<Value?> {
        let (read, write) = (self.read, self.write)
        return Notation<Value?>(type, allowed: allowed + ["\"\""]) { value throws(Refusal) in
            if value.string == "" { return nil }
            do throws(Refusal) { return try read(value) } catch {
                throw Refusal("\(error.problem), or \"\" for \(meaning)", meant: error.suggestion)
            }
        } write: {
            $0.map(write) ?? "\"\""
        }
    }
}

extension Notation<String> {
    /// The absolute path of a file that is written.
    static let filePath = Notation("string") { value throws(Refusal) in
        guard let path = value.string, path.hasPrefix("/"), !path.hasSuffix("/"), !path.utf8.contains(0),
            path.utf8.count <= 1024
        else {
            throw Refusal(
                "must be the absolute path of a file, in quotes, such as \"/run/reversed/reversed.prom\""
            )
        }
        return path
    } write: {
        PrintableText.quoted($0)
    }
}
