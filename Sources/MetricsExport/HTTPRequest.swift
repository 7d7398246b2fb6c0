/// A parsed request without a body.
struct HTTPRequest: Equatable {
    var isHead: Bool
    /// The path without its query.
    var path: String
    /// Whether the client uses HTTP/1.0, and needs a header field if the connection stays open.
    var isOld: Bool
    var keepsAlive: Bool

    /// Parses a head, including its empty line.
    ///
    /// - Parameter head: Lines that each end with CR LF, the last one empty; at most ``HTTPSession/maximumHead`` bytes.
    init(head: UnsafeRawBufferPointer) throws(HTTPError) {
        var lines = unsafe head.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
            unsafe $0.dropLast()
        }[...]
        if unsafe lines.first?.isEmpty == true { unsafe lines = lines.dropFirst() }
        guard let start = unsafe lines.popFirst() else { throw .badRequest("no request line") }
        (isHead, path, isOld) = try unsafe Self.start(start)

        var hosts = 0
        var connection: [String] = []
        while let line = unsafe lines.popFirst() {
            if unsafe line.isEmpty { continue }
            let (name, value) = try unsafe Self.field(line)
            switch name {
            case "host":
                guard value.utf8.allSatisfy({ $0 > 0x20 && !"/?#@,".utf8.contains($0) }) else {
                    throw .badRequest("a wrong Host")
                }
                hosts += 1
            case "connection":
                connection += value.split(separator: ",").map { Self.trimmed($0).lowercased() }
            case "content-length" where value == "0": break
            case "content-length", "transfer-encoding": throw .badRequest("a body")
            default: break
            }
        }
        guard isOld ? hosts < 2 : hosts == 1 else { throw .badRequest("not one Host") }
        keepsAlive = !connection.contains("close") && (!isOld || connection.contains("keep-alive"))
    }

    /// `GET /metrics HTTP/1.1`
    private static func start(_ line: UnsafeRawBufferPointer.SubSequence) throws(HTTPError) -> (
        Bool, String, Bool
    ) {
        let parts = unsafe line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard unsafe parts.count == 3, unsafe isToken(parts[0]),
            unsafe parts[1].allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else {
            throw .badRequest("a wrong request line")
        }
        let version = unsafe String(decoding: parts[2], as: UTF8.self)
        guard version.hasPrefix("HTTP/"), version.utf8.count == 8,
            version.utf8.dropFirst(6).first == UInt8(ascii: "."),
            version.utf8.dropFirst(5).allSatisfy({ $0 == UInt8(ascii: ".") || (48...57).contains($0) })
        else { throw .badRequest("a wrong version") }
        // RFC 9110, section 2.5: a higher minor version is read as the highest known one.
        guard version.hasPrefix("HTTP/1.") else { throw .wrongVersion }
        let method = unsafe String(decoding: parts[0], as: UTF8.self)
        guard method == "GET" || method == "HEAD" else { throw .wrongMethod }
        return unsafe (
            method == "HEAD", try path(String(decoding: parts[1], as: UTF8.self)), version == "HTTP/1.0"
        )
    }

    /// The path of a target in origin form, or in absolute form, which a proxy may send (RFC 9112, section 3.2).
    private static func path(_ target: String) throws(HTTPError) -> String {
        var rest = target[...]
        if rest.lowercased().hasPrefix("http://") {
            rest = rest.dropFirst(7)
            rest = rest[(rest.firstIndex { "/?".contains($0) } ?? rest.endIndex)...]
            if !rest.hasPrefix("/") { rest = "/" + rest }
        }
        guard rest.hasPrefix("/"), !rest.contains("#") else { throw .badRequest("a wrong target") }
        return String(rest.prefix { $0 != "?" })
    }

    /// `Name: value`, the name in lower case.
    private static func field(_ line: UnsafeRawBufferPointer.SubSequence) throws(HTTPError) -> (
        String, String
    ) {
        guard let colon = unsafe line.firstIndex(of: UInt8(ascii: ":")), unsafe isToken(line[..<colon]) else {
            throw .badRequest("a wrong field")
        }
        let value = unsafe line[(colon + 1)...]
        guard unsafe value.allSatisfy({ $0 == 0x09 || $0 >= 0x20 && $0 != 0x7F }) else {
            throw .badRequest("a control character in a field")
        }
        let name = unsafe String(decoding: line[..<colon], as: UTF8.self).lowercased()
        return unsafe (name, trimmed(Substring(String(decoding: value, as: UTF8.self))))
    }

    private static func isToken(_ bytes: UnsafeRawBufferPointer.SubSequence) -> Bool {
        unsafe !bytes.isEmpty
            && bytes.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                    || "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
    }

    private static func trimmed(_ text: Substring) -> String {
        let isSpace = { (character: Character) in character == " " || character == "\t" }
        let front = text.drop(while: isSpace)
        return String(front.reversed().drop(while: isSpace).reversed())
    }
}

/// Why a request is refused.
enum HTTPError: Error, Equatable {
    /// It violates the protocol, for this reason.
    case badRequest(String)
    case wrongMethod
    case tooLarge
    case wrongVersion

    /// The reason in the log message.
    var reason: String {
        switch self {
        case .badRequest(let problem): "an HTTP request with \(problem)"
        case .wrongMethod: "an HTTP request that is neither GET nor HEAD"
        case .tooLarge: "an HTTP request of more than \(HTTPSession.maximumHead) bytes"
        case .wrongVersion: "a version of HTTP other than 1"
        }
    }

    var response: HTTPResponse {
        switch self {
        case .badRequest: HTTPResponse("400 Bad Request")
        case .wrongMethod: HTTPResponse("405 Method Not Allowed", fields: "Allow: GET, HEAD\r\n")
        case .tooLarge: HTTPResponse("431 Request Header Fields Too Large")
        case .wrongVersion: HTTPResponse("505 HTTP Version Not Supported")
        }
    }
}
