import Glibc

/// A network of IPv4 or IPv6 addresses: an address and the length of its prefix (CIDR, RFC 4632 3.1, RFC 4291 2.3).
public struct Network: Hashable, Sendable {
    /// Why a text is not a network.
    public struct ParseError: Error, Equatable, Sendable {
        /// What is wrong, as the end of a sentence that begins with the text.
        public let problem: String
        /// The network that was probably meant; nil if that is not clear.
        public let suggestion: String?
    }

    /// The address of the network: every bit after the prefix is 0.
    private let bytes: [UInt8]
    /// The length of the prefix in bits, 0...32 for IPv4, 0...128 for IPv6.
    public let prefixLength: Int

    private init(bytes: [UInt8], prefixLength: Int) {
        self.bytes = bytes
        self.prefixLength = prefixLength
    }

    /// Reads `10.0.0.0/8`, `2001:db8::/32`, or a single address.
    ///
    /// - Throws: `ParseError` for anything else, and if bits after the prefix are set: `10.0.0.1/8` may mean the address or the
    ///   network.
    public init(parsing text: String) throws(ParseError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let address = SocketAddress(address: String(parts[0]), port: 0)
        guard let address, let bytes = address.addressBytes else {
            throw ParseError(
                problem:
                    "is no network: write an IPv4 or IPv6 address, and how many of its first bits count, "
                    + "as in \"10.0.0.0/8\" or \"2001:db8::/32\"",
                suggestion: nil
            )
        }
        var prefixLength = 8 * bytes.count
        if parts.count == 2 {
            let digits = parts[1].utf8
            guard !digits.isEmpty, digits.count <= 3, digits.allSatisfy({ (48...57).contains($0) }),
                digits.first != 48 || digits.count == 1, let number = Int(parts[1]), number <= prefixLength
            else {
                throw ParseError(
                    problem: "needs a whole number from 0 to \(prefixLength) behind its \"/\"",
                    suggestion: nil
                )
            }
            prefixLength = number
        }
        let network = Network(bytes: Self.masked(bytes, prefixLength), prefixLength: prefixLength)
        if case .ipv4(let mapped, _) = address.unmapped, bytes.count == 16, prefixLength >= 96 {
            let inner = Network(
                bytes: Self.masked((0..<4).map { mapped[$0] }, prefixLength - 96),
                prefixLength: prefixLength - 96
            )
            throw ParseError(
                problem: "is an IPv4 network within IPv6; clients have their IPv4 addresses here",
                suggestion: "\(inner)"
            )
        }
        guard network.bytes == bytes else {
            throw ParseError(
                problem: "has bits set behind the first \(prefixLength)",
                suggestion: "\(network)"
            )
        }
        self = network
    }

    /// Whether the address is in the network. Port and zone are ignored. An IPv4-mapped IPv6 address counts as IPv4; the address of
    /// a Unix socket is in no network.
    public func contains(_ address: SocketAddress) -> Bool {
        guard let other = address.unmapped.addressBytes, other.count == bytes.count else { return false }
        return Self.masked(other, prefixLength) == bytes
    }

    private static func masked(_ bytes: [UInt8], _ prefixLength: Int) -> [UInt8] {
        bytes.enumerated().map { index, byte in
            let kept = min(max(prefixLength - 8 * index, 0), 8)
            return byte & ~UInt8(truncatingIfNeeded: 0xFF >> kept)
        }
    }
}

extension Network: CustomStringConvertible {
    /// `10.0.0.0/8`, `2001:db8::/32`.
    public var description: String {
        bytes.count == 4
            ? bytes.map { "\($0)" }.joined(separator: ".") + "/\(prefixLength)"
            : "\(SocketAddress.ipv6Text(SIMD16(bytes)))/\(prefixLength)"
    }
}

extension SocketAddress {
    /// Reads an address with inet_pton(3): four decimal numbers, or IPv6 without brackets and zone. Nil for anything else; no name
    /// is looked up.
    public init?(address text: String, port: UInt16) {
        // inet_pton reads up to a NUL.
        guard !text.utf8.contains(0) else { return nil }
        var ipv4 = SIMD4<UInt8>()
        var ipv6 = SIMD16<UInt8>()
        if unsafe withUnsafeMutableBytes(of: &ipv4, { unsafe inet_pton(AF_INET, text, $0.baseAddress) }) == 1
        {
            self = .ipv4(ipv4, port: port)
        } else if unsafe withUnsafeMutableBytes(
            of: &ipv6,
            { unsafe inet_pton(AF_INET6, text, $0.baseAddress) }
        ) == 1 {
            self = .ipv6(ipv6, port: port, zone: 0)
        } else {
            return nil
        }
    }

    /// The bytes of an Internet address in network order.
    fileprivate var addressBytes: [UInt8]? {
        switch self {
        case .ipv4(let bytes, _): (0..<4).map { bytes[$0] }
        case .ipv6(let bytes, _, _): (0..<16).map { bytes[$0] }
        case .unix: nil
        }
    }
}
