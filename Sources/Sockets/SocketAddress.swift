import CLinux
import Glibc

/// The address of a stream socket: IPv4, IPv6 or a path of the Unix domain (ip(7), ipv6(7), unix(7)).
public enum SocketAddress: Hashable, Sendable {
    /// An IPv4 address, its four bytes in network order, and a port.
    case ipv4(SIMD4<UInt8>, port: UInt16)
    /// An IPv6 address, its sixteen bytes in network order, a port, and the zone of a link-local address (an interface index, 0
    /// for none).
    case ipv6(SIMD16<UInt8>, port: UInt16, zone: UInt32)
    /// A Unix-domain path of at most 107 bytes (as `ByteText` if it is not UTF-8). Empty for the unnamed address of a client.
    /// With NUL as the first byte it is a name in Linux's abstract namespace.
    case unix(path: String)

    /// The maximum length of a Unix-domain path in bytes: `sun_path` without its terminating NUL.
    public static let maximumPathLength = MemoryLayout<sockaddr_un>.size - pathOffset - 1

    private static let pathOffset = MemoryLayout.offset(of: \sockaddr_un.sun_path) ?? 2

    /// The port, nil for a Unix-domain address.
    public var port: UInt16? {
        switch self {
        case .ipv4(_, let port), .ipv6(_, let port, _): port
        case .unix: nil
        }
    }

    /// The same address with another port; a Unix-domain address stays unchanged.
    public func with(port: UInt16) -> SocketAddress {
        switch self {
        case .ipv4(let bytes, _): .ipv4(bytes, port: port)
        case .ipv6(let bytes, _, let zone): .ipv6(bytes, port: port, zone: zone)
        case .unix: self
        }
    }

    /// Whether this is the address of every interface: `0.0.0.0` or `::`.
    public var isWildcard: Bool {
        switch self {
        case .ipv4(let bytes, _): bytes == SIMD4(repeating: 0)
        case .ipv6(let bytes, _, _): bytes == SIMD16(repeating: 0)
        case .unix: false
        }
    }

    /// The protocol family, for socket(2).
    public var family: Int32 {
        switch self {
        case .ipv4: AF_INET
        case .ipv6: AF_INET6
        case .unix: AF_UNIX
        }
    }
}

// MARK: - Conversion to and from the kernel's form

extension SocketAddress {
    /// Calls `body` with the address in the kernel's form.
    ///
    /// - Throws: `SystemError` with `ENAMETOOLONG` for a path that does not fit `sun_path`.
    public func withSockAddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) throws -> Result
    {
        var storage = sockaddr_storage()
        let length: Int
        switch self {
        case .ipv4(let bytes, let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            unsafe withUnsafeMutableBytes(of: &address.sin_addr) {
                unsafe $0.storeBytes(of: bytes, as: SIMD4<UInt8>.self)
            }
            unsafe withUnsafeMutableBytes(of: &storage) {
                unsafe $0.storeBytes(of: address, as: sockaddr_in.self)
            }
            length = MemoryLayout<sockaddr_in>.size
        case .ipv6(let bytes, let port, let zone):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            address.sin6_scope_id = zone
            unsafe withUnsafeMutableBytes(of: &address.sin6_addr) {
                unsafe $0.storeBytes(of: bytes, as: SIMD16<UInt8>.self)
            }
            unsafe withUnsafeMutableBytes(of: &storage) {
                unsafe $0.storeBytes(of: address, as: sockaddr_in6.self)
            }
            length = MemoryLayout<sockaddr_in6>.size
        case .unix(let path):
            let bytes = ByteText.bytes(path)
            guard bytes.count <= Self.maximumPathLength else {
                throw SystemError(
                    "use the socket path \(ByteText.shown(path))",
                    code: ENAMETOOLONG,
                    advice: "a Unix socket's path has at most \(Self.maximumPathLength) bytes"
                )
            }
            storage.ss_family = sa_family_t(AF_UNIX)
            unsafe withUnsafeMutableBytes(of: &storage) { raw in
                unsafe UnsafeMutableRawBufferPointer(rebasing: raw[Self.pathOffset...]).copyBytes(from: bytes)
            }
            // An abstract name has a length, a path ends with NUL.
            length = Self.pathOffset + bytes.count + (bytes.first == 0 ? 0 : 1)
        }
        return unsafe withUnsafePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(length))
            }
        }
    }

    /// Reads an address in the kernel's form; nil for a family that this module does not know.
    public init?(_ storage: sockaddr_storage, length: socklen_t) {
        var storage = storage
        let length = min(Int(length), MemoryLayout<sockaddr_storage>.size)
        let address: SocketAddress? = unsafe withUnsafeBytes(of: &storage) { raw in
            switch unsafe Int32(raw.load(as: sockaddr.self).sa_family) {
            case AF_INET where length >= MemoryLayout<sockaddr_in>.size:
                let address = unsafe raw.load(as: sockaddr_in.self)
                let bytes = unsafe withUnsafeBytes(of: address.sin_addr) {
                    unsafe $0.load(as: SIMD4<UInt8>.self)
                }
                return .ipv4(bytes, port: UInt16(bigEndian: address.sin_port))
            case AF_INET6 where length >= MemoryLayout<sockaddr_in6>.size:
                let address = unsafe raw.load(as: sockaddr_in6.self)
                let bytes = unsafe withUnsafeBytes(of: address.sin6_addr) {
                    unsafe $0.loadUnaligned(as: SIMD16<UInt8>.self)
                }
                return .ipv6(bytes, port: UInt16(bigEndian: address.sin6_port), zone: address.sin6_scope_id)
            case AF_UNIX:
                let bytes = unsafe raw[min(Self.pathOffset, length)..<length]
                let path = unsafe bytes.first == 0 ? bytes : bytes.prefix { $0 != 0 }
                return unsafe .unix(path: ByteText.text(path))
            default:
                return nil
            }
        }
        guard let address else { return nil }
        self = address
    }

    /// The address that a socket is bound to (getsockname(2)); nil if the descriptor is not a socket of a known family.
    public static func local(of descriptor: Int32) -> SocketAddress? {
        unsafe read { unsafe getsockname(descriptor, $0, $1) }
    }

    /// The address that a socket is connected to (getpeername(2)); nil if it is not connected (any more). An IPv4
    /// client of an IPv6 listener has its IPv4 address.
    public static func remote(of descriptor: Int32) -> SocketAddress? {
        unsafe read { unsafe getpeername(descriptor, $0, $1) }?.unmapped
    }

    /// The IPv4 address for an IPv4-mapped IPv6 address (`::ffff:127.0.0.1`, RFC 4291 2.5.5.2); any other address unchanged.
    public var unmapped: SocketAddress {
        guard case .ipv6(let bytes, let port, _) = self,
            bytes.lowHalf == SIMD8(repeating: 0),
            bytes.highHalf.lowHalf == SIMD4(0, 0, 0xFF, 0xFF)
        else { return self }
        return .ipv4(bytes.highHalf.highHalf, port: port)
    }

    static func read(
        _ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe call($0, &length) }
        }
        return result == 0 ? SocketAddress(storage, length: length) : nil
    }
}

// MARK: - Text

extension SocketAddress: CustomStringConvertible {
    /// `127.0.0.1:5000`, `[::1]:5000`, `[fe80::1%2]:5000`, an absolute path, `@name` for an abstract name, `unix` for the
    /// unnamed address of a Unix-domain client, and `unix:10.0.0.1:4444` for a relative path: a client chooses its path, and
    /// must not be able to imitate another kind of address.
    public var description: String {
        switch self {
        case .ipv4(let bytes, let port):
            "\(bytes[0]).\(bytes[1]).\(bytes[2]).\(bytes[3]):\(port)"
        case .ipv6(let bytes, let port, let zone):
            "[\(Self.ipv6Text(bytes))\(zone == 0 ? "" : "%\(zone)")]:\(port)"
        case .unix(let path):
            switch path.utf8.first {
            case nil: "unix"
            case 0: ByteText.shown("@" + path.dropFirst())
            case UInt8(ascii: "/"): ByteText.shown(path)
            default: ByteText.shown("unix:" + path)
            }
        }
    }

    static func ipv6Text(_ bytes: SIMD16<UInt8>) -> String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        _ = unsafe withUnsafeBytes(of: bytes) {
            unsafe inet_ntop(AF_INET6, $0.baseAddress, &text, socklen_t(INET6_ADDRSTRLEN))
        }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
