import Glibc
import Systemd

extension ActivationSocket {
    /// Gives the socket the backlog of its unit again (Backlog=, see systemd.socket(5)): SwiftNIO calls listen(2) with a
    /// backlog of 128 when it adopts a socket.
    public func restoreBacklog(_ backlog: Int32 = 4_096) {
        _ = listen(descriptor, backlog)
    }
}
