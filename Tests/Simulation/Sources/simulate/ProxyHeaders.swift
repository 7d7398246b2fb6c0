import World

/// Makes headers of the PROXY protocol, valid and invalid ones.
enum ProxyHeaders {
    /// The listeners that expect them, in every configuration.
    static let port: UInt16 = 5002
    static let path = "/run/p"
    /// The load balancers that are trusted there. Clients connect from 10.0.0.1 to 10.0.0.5.
    static let trusted = "10.0.0.0/30"

    static func isExpected(at address: Address) -> Bool {
        address.port == port || address == .unix(path)
    }

    private static func believes(_ peer: Address) -> Bool {
        guard case .ipv4(let bytes, _) = peer else { return true }
        return bytes[3] < 4
    }

    /// Makes a header, and what must follow from it.
    static func make(from peer: Address, _ random: inout Random) -> (bytes: [UInt8], plan: ProxyPlan) {
        let host = UInt8(random.within(1...3))
        let port = UInt16(random.within(1...65_535))
        let ipv4 = Address.ipv4([192, 0, 2, host], port: port)
        let ipv6 = Address.ipv6(
            [0x20, 0x01, 0x0d, 0xb8] + Array(repeating: 0, count: 11) + [host],
            port: port
        )
        let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]
        let ports = [UInt8(port >> 8), UInt8(port & 0xFF), 0x13, 0x88]
        let text4 = "PROXY TCP4 192.0.2.\(host) 127.0.0.1 \(port) 5002\r\n"
        var client: Address? = ipv4
        var isValid = true
        let bytes: [UInt8]
        switch random.below(12) {
        case 0...2:
            bytes = Array(text4.utf8)
        case 3:
            bytes = Array("PROXY TCP6 2001:db8::\(host) ::1 \(port) 5002\r\n".utf8)
            client = ipv6
        case 4:
            bytes = Array("PROXY UNKNOWN and more\r\n".utf8)
            client = nil
        case 5, 6:
            // With a field of no meaning, of any length.
            let more = random.pick([0, 1, 300])
            let field: [UInt8] =
                more == 0
                ? [] : [4, UInt8(more >> 8), UInt8(more & 0xFF)] + Array(repeating: 10, count: more)
            let length = 12 + field.count
            bytes =
                signature + [0x21, 0x11, UInt8(length >> 8), UInt8(length & 0xFF)] + [
                    192, 0, 2, host, 127, 0, 0, 1,
                ] + ports + field
        case 7:
            bytes = signature + [0x20, 0, 0, 0]
            client = nil
        case 8:
            bytes = signature + [0x31, 0x11, 0, 12] + Array(repeating: 1, count: 12)
            isValid = false
        case 9:
            bytes = Array("PROXY TCP4 192.0.2.\(host) 127.0.0.1 \(port)\r\n".utf8)
            isValid = false
        case 10:
            bytes = Array(("PROXY TCP4 " + String(repeating: "1", count: 200)).utf8)
            isValid = false
        default:
            bytes = Array("no header\n".utf8)
            isValid = false
        }
        let plan = ProxyPlan(length: bytes.count, isValid: isValid, isTrusted: believes(peer), client: client)
        return (bytes, plan)
    }
}
