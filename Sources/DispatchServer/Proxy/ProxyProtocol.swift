import Sockets

/// Whether the clients of a listener connect through load balancers that send their addresses (the PROXY protocol, versions 1
/// and 2: doc/proxy-protocol.txt of HAProxy), and which load balancers are trusted.
public struct ProxyProtocol: Hashable, Sendable {
    /// Whether every connection must begin with a header.
    public var isExpected: Bool
    /// The networks of the load balancers. Other peers are refused. On a Unix socket the mode of its file decides.
    public var trusted: [Network]

    /// Makes a setting; by default no header is expected.
    public init(isExpected: Bool = false, trusted: [Network] = []) {
        self.isExpected = isExpected
        self.trusted = trusted
    }

    /// Whether to refuse a peer because it is not trusted to send a header.
    func refuses(_ peer: SocketAddress) -> Bool {
        if case .unix = peer { return false }
        return isExpected && !trusted.contains { $0.contains(peer) }
    }
}

/// The fault of a connection's PROXY header.
public enum ProxyHeaderFailure: String, CaseIterable, Sendable {
    /// The peer is outside the trusted networks. Nothing was read.
    case untrusted
    /// The first bytes are not those of a header.
    case missing
    /// It violates the protocol.
    case malformed
    /// It is longer than 107 bytes in version 1, or `ProxyHeader.maximumLength` in version 2.
    case tooLong = "too_long"
    /// Its checksum is wrong.
    case checksum
    /// The connection ended within it.
    case incomplete
    /// It was not complete in time.
    case late

    /// The reason in the log message.
    var explanation: String {
        switch self {
        case .untrusted: "it is in none of the networks that are trusted to send a PROXY header"
        case .missing: "it sent no PROXY header, which this listener expects"
        case .malformed: "its PROXY header is malformed"
        case .tooLong: "its PROXY header is too long"
        case .checksum: "the checksum of its PROXY header is wrong"
        case .incomplete: "it ended within its PROXY header"
        case .late: "its PROXY header was not complete in time"
        }
    }
}
