import Glibc

/// A socket's address.
public enum Address: Hashable, CustomStringConvertible, Sendable {
    case ipv4([UInt8], port: UInt16)
    case ipv6([UInt8], port: UInt16)
    case unix(String)

    public var description: String {
        switch self {
        case .ipv4(let bytes, let port): "\(bytes.map(String.init).joined(separator: ".")):\(port)"
        case .ipv6(let bytes, let port):
            "[\(bytes.map { String($0, radix: 16) }.joined(separator: "."))]:\(port)"
        case .unix(let path): path.isEmpty ? "unix" : path
        }
    }

    public var port: UInt16? {
        switch self {
        case .ipv4(_, let port), .ipv6(_, let port): port
        case .unix: nil
        }
    }

    /// The client that a connection counts for: an IPv4 address, the network of an IPv6 address, nil for a Unix socket.
    var key: [UInt8]? {
        switch self {
        case .ipv4(let bytes, _): bytes
        case .ipv6(let bytes, _):
            bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF
                ? Array(bytes[12...]) : Array(bytes[..<8])
        case .unix: nil
        }
    }

    var isWildcard: Bool {
        switch self {
        case .ipv4(let bytes, _), .ipv6(let bytes, _): bytes.allSatisfy { $0 == 0 }
        case .unix: false
        }
    }

    func with(port: UInt16) -> Address {
        switch self {
        case .ipv4(let bytes, _): .ipv4(bytes, port: port)
        case .ipv6(let bytes, _): .ipv6(bytes, port: port)
        case .unix: self
        }
    }

    public init?(_ pointer: UnsafePointer<sockaddr>, _ length: socklen_t) {
        let raw = UnsafeRawBufferPointer(start: pointer, count: Int(length))
        switch Int32(pointer.pointee.sa_family) {
        case AF_INET: self = .ipv4(Array(raw[4..<8]), port: UInt16(raw[2]) << 8 | UInt16(raw[3]))
        case AF_INET6: self = .ipv6(Array(raw[8..<24]), port: UInt16(raw[2]) << 8 | UInt16(raw[3]))
        case AF_UNIX: self = .unix(String(decoding: raw[2...].prefix { $0 != 0 }, as: UTF8.self))
        default: return nil
        }
    }

    public func write(_ pointer: UnsafeMutableRawPointer, _ length: UnsafeMutablePointer<socklen_t>) {
        var bytes: [UInt8]
        func head(_ family: Int32, _ port: UInt16) -> [UInt8] {
            [UInt8(family), 0, UInt8(port >> 8), UInt8(port & 0xFF)]
        }
        switch self {
        case .ipv4(let address, let port):
            bytes = head(AF_INET, port) + address + Array(repeating: 0, count: 8)
        case .ipv6(let address, let port):
            bytes = head(AF_INET6, port) + [0, 0, 0, 0] + address + [0, 0, 0, 0]
        case .unix(let path): bytes = [UInt8(AF_UNIX), 0] + Array(path.utf8) + (path.isEmpty ? [] : [0])
        }
        let space = Int(length.pointee)
        pointer.copyMemory(from: bytes, byteCount: min(space, bytes.count))
        length.pointee = socklen_t(bytes.count)
    }
}
