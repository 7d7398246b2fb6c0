import Glibc
import Systemd

extension ActivationSocket {
    /// Restores the backlog of the socket unit (Backlog=, see systemd.socket(5)), because SwiftNIO calls listen(2) with a
    /// backlog of 128 when it adopts a socket.
    public func restoreBacklog(_ backlog: Int32 = 4_096) {
        _ = listen(descriptor, backlog)
    }
}
