import DispatchServer
import Systemd

/// The descriptors that the previous process has left in the file descriptor store.
struct Inheritance {
    /// The name of the socket with the connections. Releases must agree on it.
    static let connectionsName = "conversations"

    /// Sockets with connections; more than one if a process ended before it took over all of them.
    let connections: [Int32]
    let listeners: [StoredListener]
    /// The names of other descriptors, stored by another program or an older release.
    let foreignNames: [String]

    init(_ handedIn: ActivationSockets) {
        connections = handedIn.stored.filter { $0.name == Self.connectionsName }.map(\.descriptor)
        listeners = handedIn.stored.filter { StoredListener.isName($0.name) }
            .map { StoredListener(descriptor: $0.descriptor, name: $0.name) }
        foreignNames = handedIn.closedNames
    }

    /// Whether the daemon stores descriptors under this name.
    static func isName(_ name: String) -> Bool { name == connectionsName || StoredListener.isName(name) }
}
