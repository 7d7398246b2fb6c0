import DispatchServer
import World

/// The service manager's store: listening sockets by name, and the socket with the connections.
final class Store: @unchecked Sendable {
    // Everything runs on one thread.
    private let world: World
    private(set) var listeners: [(name: String, file: File)] = []
    private var connections: File?

    init(_ world: World) { self.world = world }

    var listenerStore: ListenerStore {
        ListenerStore(
            store: { [self] descriptor, name in
                guard let file = world.kernel.hold(descriptor) else { return }
                world.trace("stored: \(name)")
                listeners.append((name, file))
            },
            remove: { [self] name in
                world.trace("forgotten: \(name)")
                guard let index = listeners.firstIndex(where: { $0.name == name }) else { return }
                listeners.remove(at: index).file.letGo()
            }
        )
    }

    func keepConnections(_ descriptor: Int32) { connections = world.kernel.hold(descriptor) }

    func forgetConnections() {
        connections?.letGo()
        connections = nil
    }

    func forgetAll() {
        forgetConnections()
        let files = listeners.map(\.file)
        listeners = []
        for file in files { file.letGo() }
    }

    /// Duplicates for the next process.
    func handOut() -> (listeners: [StoredListener], connections: [Int32]) {
        let stored = listeners.map {
            StoredListener(descriptor: world.kernel.install($0.file), name: $0.name)
        }
        return (stored, connections.map { [world.kernel.install($0)] } ?? [])
    }
}
