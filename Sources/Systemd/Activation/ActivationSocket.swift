import CSystemd
import Glibc

/// A listening stream socket that systemd opened, see systemd.socket(5).
public struct ActivationSocket: Sendable, Equatable {
    /// The kind of addresses it accepts connections from.
    public enum Family: Sendable, Equatable {
        /// AF_INET.
        case ipv4
        /// AF_INET6; whether it accepts IPv4, too, depends on the socket unit (BindIPv6Only=).
        case ipv6
        /// AF_UNIX.
        case unix
    }

    /// The descriptor, close-on-exec. The caller must close it. The socket unit decides whether it blocks (NonBlocking=; by default
    /// it does).
    public let descriptor: Int32

    /// FileDescriptorName= of the socket unit, by default the name of the unit; "unknown" if none was passed.
    public let name: String

    /// The kind of its address.
    public let family: Family

    /// The kind of a passed descriptor.
    enum Kind: Equatable {
        case listener(Family)
        /// Anything else; the text completes "descriptor 3 is …".
        case other(String)
    }

    static func kind(of descriptor: Int32) -> Kind {
        func isSocket(_ family: Int32, _ type: Int32, listening: Int32) -> Bool {
            sd_is_socket(descriptor, family, type, listening) > 0
        }
        let stream = Int32(SOCK_STREAM.rawValue)
        let datagram = Int32(SOCK_DGRAM.rawValue)

        guard isSocket(AF_UNSPEC, 0, listening: -1) else { return .other("no socket") }
        guard isSocket(AF_UNSPEC, stream, listening: -1) else {
            return .other(
                isSocket(AF_UNSPEC, datagram, listening: -1) ? "a datagram socket" : "no stream socket"
            )
        }
        guard isSocket(AF_UNSPEC, stream, listening: 1) else {
            return .other("a stream socket that does not listen (Accept= of the socket unit must be no)")
        }
        if isSocket(AF_INET, stream, listening: 1) { return .listener(.ipv4) }
        if isSocket(AF_INET6, stream, listening: 1) { return .listener(.ipv6) }
        if isSocket(AF_UNIX, stream, listening: 1) { return .listener(.unix) }
        return .other("a listener that is neither IPv4, IPv6 nor Unix")
    }
}
