import Sockets

/// The client that a connection counts for: an IPv4 address, or the first 64 bits of an IPv6 address.
///
/// A host can choose its IPv6 addresses from a whole /64 (RFC 4291 2.5.4), so a count per address would limit nothing.
struct ClientKey: Hashable {
    private let isIPv6: Bool
    private let bits: UInt64

    /// - Returns: Nil for a client of a Unix socket, which is not counted: the mode of the file limits who may connect.
    init?(_ address: SocketAddress) {
        switch address.unmapped {
        case .ipv4(let bytes, _):
            isIPv6 = false
            bits = unsafe UInt64(unsafeBitCast(bytes, to: UInt32.self))
        case .ipv6(let bytes, _, _):
            isIPv6 = true
            bits = unsafe unsafeBitCast(bytes.lowHalf, to: UInt64.self)
        case .unix: return nil
        }
    }
}

/// How many connections each client has. It never holds more entries than there are connections.
struct ClientCounts {
    /// The most connections of one client; nil for no limit. A lower limit ends no connection.
    var limit: Int?
    private var counts: [ClientKey: Int] = [:]

    /// Counts a connection. False, without counting it, if its client is at the limit.
    mutating func enter(_ client: ClientKey) -> Bool {
        let count = counts[client, default: 0]
        if let limit, count >= limit { return false }
        counts[client] = count + 1
        return true
    }

    /// Counts an existing connection, even above the limit.
    mutating func count(_ client: ClientKey) { counts[client, default: 0] += 1 }

    /// A connection that was counted has ended.
    mutating func leave(_ client: ClientKey) {
        guard let count = counts[client] else { return }
        counts[client] = count > 1 ? count - 1 : nil
    }

    /// How many clients are counted.
    var clients: Int { counts.count }
}
