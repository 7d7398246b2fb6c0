import Sockets

/// Whether the clients of a listener come through a load balancer that says who they are (the PROXY protocol, versions 1
/// and 2: doc/proxy-protocol.txt of HAProxy), and which balancers are believed.
public struct ProxyProtocol: Hashable, Sendable {
    /// Whether every connection must begin with a header.
    public var isExpected: Bool
    /// Where balancers may connect from. Everybody else is refused. Of a Unix socket its file says who may connect.
    public var trusted: [Network]

    /// Describes what a listener expects; by default no header.
    public init(isExpected: Bool = false, trusted: [Network] = []) {
        self.isExpected = isExpected
        self.trusted = trusted
    }

    /// Whether a peer is to be refused, because its header would not be believed.
    func refuses(_ peer: SocketAddress) -> Bool {
        if case .unix = peer { return false }
        return isExpected && !trusted.contains { $0.contains(peer) }
    }
}

/// What was wrong with the header of a connection that should have begun with one.
public enum ProxyHeaderFailure: String, CaseIterable, Sendable {
    /// It came from outside of the trusted networks, and was not read.
    case untrusted
    /// The first bytes belong to no header.
    case missing
    /// It breaks the rules of the protocol.
    case malformed
    /// It is longer than 107 bytes in version 1, or `ProxyHeader.maximumLength` in version 2.
    case tooLong = "too_long"
    /// Its checksum is wrong.
    case checksum
    /// The connection ended within it.
    case incomplete
    /// It was not complete in time.
    case late

    /// What the log says of the peer.
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
