import DispatchServer
import Systemd

/// The descriptors that the previous process has left in the file descriptor store.
struct Inheritance {
    /// The name of the socket with the connections. Releases must agree on it.
    static let connectionsName = "connections"
    /// Precedes the names of the metrics' listeners. Never use a name that an earlier release does not know for a listening
    /// socket: that release would serve clients on it, as on a socket of systemd's.
    static let metricsPrefix = "metrics."

    /// Sockets with connections; more than one if a process ended before it took over all of them.
    let connections: [Int32]
    let listeners: [StoredListener]
    /// Those of the HTTP server for the metrics.
    let metricsListeners: [StoredListener]
    /// The names of other descriptors, stored by another program or an older release.
    let foreignNames: [String]

    init(_ handedIn: ActivationSockets) {
        connections = handedIn.stored.filter { $0.name == Self.connectionsName }.map(\.descriptor)
        let listeners = { (prefix: String) in
            handedIn.stored.compactMap { socket -> StoredListener? in
                guard socket.name.hasPrefix(prefix) else { return nil }
                let name = String(socket.name.dropFirst(prefix.count))
                return StoredListener.isName(name)
                    ? StoredListener(descriptor: socket.descriptor, name: name) : nil
            }
        }
        self.listeners = listeners("")
        metricsListeners = listeners(Self.metricsPrefix)
        foreignNames = handedIn.closedNames
    }

    /// Whether the daemon stores descriptors under this name.
    static func isName(_ name: String) -> Bool {
        let listener = name.hasPrefix(metricsPrefix) ? String(name.dropFirst(metricsPrefix.count)) : name
        return name == connectionsName || StoredListener.isName(listener)
    }

    /// Where a server stores its listeners.
    ///
    /// - Parameter prefix: Precedes their names.
    static func listenerStore(_ store: DescriptorStore, prefix: String = "") -> ListenerStore {
        ListenerStore(store: { store.store($0, as: prefix + $1) }, remove: { store.remove(prefix + $0) })
    }
}
