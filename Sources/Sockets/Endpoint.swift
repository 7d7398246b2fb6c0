import CLinux
import Glibc

/// The address of a service as text: a host and a port, or the path of a Unix socket.
public enum Endpoint: Hashable, Sendable {
    /// A host name or an address without brackets, and a port.
    case internet(host: String, port: UInt16)
    /// The path of a Unix socket (as `ByteText` if it is not UTF-8).
    case unix(path: String)

    /// Why a text is not an endpoint.
    public struct ParseError: Error, Equatable, Sendable, CustomStringConvertible {
        /// What is wrong and what is allowed, in one sentence.
        public let description: String
    }

    /// Reads `host`, `host:port`, `::1`, `[::1]`, `[::1]:port` or a path (anything with a `/`).
    ///
    /// - Parameters:
    ///   - text: The text to parse.
    ///   - defaultPort: The port if the text has none.
    /// - Throws: `ParseError` for an empty host, a bad port or an unclosed bracket.
    public init(parsing text: String, defaultPort: UInt16) throws(ParseError) {
        if text.contains("/") {
            self = .unix(path: text)
            return
        }
        var host = text
        var port = defaultPort
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else {
                throw ParseError(
                    description:
                        "\"\(text)\" has a [ without a ]: write an IPv6 address as [::1] or [::1]:5000"
                )
            }
            host = String(text[text.index(after: text.startIndex)..<close])
            let rest = text[text.index(after: close)...]
            if rest.hasPrefix(":") {
                port = try Self.port(rest.dropFirst(), in: text)
            } else if !rest.isEmpty {
                throw ParseError(
                    description: "\"\(text)\" continues after its ]: only a colon and a port may follow"
                )
            }
        } else if let colon = text.lastIndex(of: ":"), text.firstIndex(of: ":") == colon {
            // A text with more than one colon and no brackets is an IPv6 address.
            host = String(text[..<colon])
            port = try Self.port(text[text.index(after: colon)...], in: text)
        }
        guard !host.isEmpty else { throw ParseError(description: "\"\(text)\" names no host") }
        self = .internet(host: host, port: port)
    }

    private static func port(_ text: Substring, in whole: String) throws(ParseError) -> UInt16 {
        guard let port = UInt16(text), text.utf8.allSatisfy({ (48...57).contains($0) }) else {
            throw ParseError(description: "the port in \"\(whole)\" must be a whole number from 0 to 65535")
        }
        return port
    }
}

extension Endpoint: CustomStringConvertible {
    /// `localhost:5000`, `[::1]:5000` or the path.
    public var description: String {
        switch self {
        case .internet(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): ByteText.shown(path)
        }
    }
}

extension Endpoint {
    /// The addresses of this endpoint, in the system's order of preference (getaddrinfo(3), RFC 6724).
    ///
    /// Calls the resolver, which may take seconds: never call it on a queue that serves clients.
    ///
    /// - Parameter passive: Whether the addresses are for a listener.
    /// - Throws: `ResolutionError` if the name is unknown or the resolver does not answer.
    public func resolve(passive: Bool = false) throws -> [SocketAddress] {
        guard case .internet(let host, let port) = self else {
            if case .unix(let path) = self { return [.unix(path: path)] }
            return []
        }
        var hints = unsafe addrinfo()
        unsafe (hints.ai_family, hints.ai_socktype) = (AF_UNSPEC, Int32(SOCK_STREAM.rawValue))
        unsafe hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, String(port), &hints, &list)
        guard code == 0 else { throw ResolutionError(host: host, code: code, systemCode: errno) }
        defer { unsafe freeaddrinfo(list) }

        var addresses: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next {
            var storage = sockaddr_storage()
            let length = unsafe min(Int(entry.pointee.ai_addrlen), MemoryLayout<sockaddr_storage>.size)
            if let source = unsafe entry.pointee.ai_addr {
                unsafe withUnsafeMutableBytes(of: &storage) {
                    unsafe $0.copyMemory(from: UnsafeRawBufferPointer(start: source, count: length))
                }
            }
            if let address = SocketAddress(storage, length: socklen_t(length)), !addresses.contains(address) {
                addresses.append(address)
            }
            unsafe next = unsafe entry.pointee.ai_next
        }
        guard !addresses.isEmpty else { throw ResolutionError(host: host, code: EAI_NONAME, systemCode: 0) }
        return addresses
    }
}

/// A host name could not be resolved.
public struct ResolutionError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The name.
    public let host: String
    /// What getaddrinfo(3) returned.
    public let code: Int32
    /// The `errno`, if the code is `EAI_SYSTEM`.
    public let systemCode: Int32

    /// Whether a later attempt may succeed.
    public var isTemporary: Bool { code == EAI_AGAIN }

    /// One sentence: `cannot find the host "nowhere": Name or service not known`.
    public var description: String {
        let reason =
            unsafe code == EAI_SYSTEM ? SystemError.reason(systemCode) : String(cString: gai_strerror(code))
        return "cannot find the host \"\(host)\": \(reason)"
    }
}
