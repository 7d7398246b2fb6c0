import Glibc
import TextEscaping

/// The kind of address that a host is written as. Names are not resolved.
enum HostText: Hashable {
    /// The four bytes of an IPv4 address in network order.
    case ipv4([UInt8])
    /// The sixteen bytes of an IPv6 address in network order, and the zone after `%`, if any.
    case ipv6([UInt8], zone: String)
    /// A host name in lower case.
    case name(String)

    /// 253: the longest name of the Domain Name System (RFC 1035, section 2.3.4, as text).
    static let maximumNameBytes = 253

    init(_ text: String) throws(Refusal) {
        guard !text.isEmpty else {
            throw Refusal(
                "must be an address or a name; \"0.0.0.0\" and \"::\" stand for every address"
            )
        }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw Refusal("must be an address or a name in ASCII without spaces")
        }
        if let address = HostText.address(of: text, family: AF_INET, bytes: 4) {
            if address[0] & 0xF0 == 0xE0 { throw Refusal(HostText.multicast) }
            self = .ipv4(address)
        } else if let (address, zone) = HostText.ipv6(text) {
            try HostText.check(address, zone: zone)
            self = .ipv6(address, zone: zone)
        } else {
            try HostText.checkName(text)
            self = .name(text.lowercased())
        }
    }

    private static let multicast = "is a multicast address, and TCP has none"

    /// Refuses addresses that no socket can listen on (ipv6(7)), in every spelling.
    private static func check(_ address: [UInt8], zone: String) throws(Refusal) {
        if address[0] == 0xFF { throw Refusal(Self.multicast) }
        if address[0] == 0xFE, address[1] & 0xC0 == 0x80, zone.isEmpty {
            throw Refusal("is a link-local address, which needs its interface, as in \"fe80::1%eth0\"")
        }
        if address.starts(with: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]) {
            let ipv4 = address[12...].map { String($0) }.joined(separator: ".")
            throw Refusal("is an IPv4 address within IPv6", meant: PrintableText.quoted(ipv4))
        }
    }

    private static func checkName(_ text: String) throws(Refusal) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let digits = Set("0123456789".unicodeScalars)
        let refusal: Refusal? =
            if text == "*" {
                Refusal("must be an address or a name", meant: "\"0.0.0.0\" for IPv4, or \"::\" for all")
            } else if text.contains("/") {
                Refusal(
                    "must be an address or a name; a Unix socket is a [[listener]] with path instead of host"
                )
            } else if text.hasPrefix("["), text.hasSuffix("]"),
                ipv6(String(text.dropFirst().dropLast())) != nil
            {
                Refusal(
                    "must be written without brackets",
                    meant: PrintableText.quoted(String(text.dropFirst().dropLast()))
                )
            } else if parts.count == 2, UInt16(parts[1]) != nil {
                Refusal("must not name the port; the key \"port\" does")
            } else if parts.count > 1 {
                Refusal("is not an IPv6 address")
            } else if text.unicodeScalars.allSatisfy({ $0 == "." || digits.contains($0) }) {
                Refusal("is not an IPv4 address, which is four numbers from 0 to 255 with dots between them")
            } else if text.utf8.count > maximumNameBytes {
                Refusal("must be an address or a name of at most \(maximumNameBytes) bytes")
            } else if !text.unicodeScalars.allSatisfy({
                $0.properties.isAlphabetic || "-._".unicodeScalars.contains($0) || digits.contains($0)
            }) {
                Refusal("must be an address, or a name made of letters, digits, \"-\", \"_\" and \".\"")
            } else {
                nil
            }
        if let refusal { throw refusal }
    }

    private static func ipv6(_ text: String) -> (address: [UInt8], zone: String)? {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = address(of: String(first), family: AF_INET6, bytes: 16)
        else {
            return nil
        }
        guard parts.count == 2 else { return (address, "") }
        return parts[1].isEmpty ? nil : (address, String(parts[1]))
    }

    private static func address(of text: String, family: Int32, bytes: Int) -> [UInt8]? {
        var address = [UInt8](repeating: 0, count: bytes)
        return unsafe inet_pton(family, text, &address) == 1 ? address : nil
    }

    /// Whether `text` has the form of an IPv4 address.
    static func isIPv4(_ text: String) -> Bool {
        if case .ipv4? = try? HostText(text) { true } else { false }
    }

    /// Whether it is the wildcard address of its family.
    var isWildcard: Bool {
        switch self {
        case .ipv4(let address), .ipv6(let address, _): address.allSatisfy { $0 == 0 }
        case .name: false
        }
    }
}
