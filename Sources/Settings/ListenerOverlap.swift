import DispatchServer
import Sockets

extension Settings.Listener {
    /// Why the kernel would refuse to let both listeners listen at the same time; nil if it would not. Names are compared as
    /// written, because their addresses are known only after they are resolved.
    func overlap(with other: Settings.Listener) -> String? {
        switch (endpoint, other.endpoint) {
        case (.unix(let path), .unix(let otherPath)):
            return SocketPath.normalized(path) == SocketPath.normalized(otherPath) ? "the same path" : nil
        case (.internet(let host, let port), .internet(let otherHost, let otherPort)):
            guard port == otherPort, port != 0 else { return nil }
            guard let first = try? HostText(host), let second = try? HostText(otherHost) else { return nil }
            if first == second { return "the same host and port" }
            return Self.cover(first, second, ipv6Only) ?? Self.cover(second, first, other.ipv6Only)
        default:
            return nil
        }
    }

    /// Why `wide` covers the address of `narrow` on the same port; nil if it does not.
    private static func cover(_ wide: HostText, _ narrow: HostText, _ wideIsIPv6Only: Bool) -> String? {
        guard wide.isWildcard else { return nil }
        switch (wide, narrow) {
        case (.ipv4, .ipv4): return "on this port \"0.0.0.0\" already stands for every IPv4 address"
        case (.ipv6, .ipv6): return "on this port \"::\" already stands for every IPv6 address"
        case (.ipv6, .ipv4) where !wideIsIPv6Only:
            return "on this port \"::\" listens for IPv4 too, unless it has ipv6_only = true"
        default: return nil
        }
    }
}
