import Dispatch
import Glibc
import Logging
import ReverseCore
import Sockets
import Synchronization

@testable import ReverseServer

/// What a connection needs around it, without a listener.
final class House: Sendable {
    let registry: Registry
    let surroundings: Readiness.Surroundings

    init(usesHotSet: Bool, capacity: Int = 10, limits: Configuration.Limits = .init(idleTimeout: nil)) {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let policy = Policy(Configuration(listeners: [], limits: limits))
        let queue = DispatchQueue(label: "test.clients", attributes: .concurrent)
        let scratch = ScratchPool()
        registry = Registry(
            capacity: capacity,
            policy: policy,
            log: ConnectionLog(logger: logger, policy: policy),
            queue: DispatchQueue(label: "test.sweep")
        )
        surroundings = Readiness.Surroundings(
            queue: queue,
            scratch: scratch,
            hotSet: usesHotSet ? HotSet(queue: queue, scratch: scratch) : nil
        )
    }

    /// Begins to serve one end of a pair of sockets; the other is the client's.
    func connect(framing: Framing = .line) throws -> (Peer, Connection) {
        let (peer, other) = try Peer.pair()
        guard let number = registry.takePlace() else { throw SystemError("take a place", code: EAGAIN) }
        let connection = Connection(
            number: number,
            descriptor: Descriptor(owning: other),
            client: .unix(path: ""),
            listenerName: "test",
            session: Session(framing: framing, unit: .character, maximumLineBytes: 1 << 20),
            surroundings: surroundings,
            registry: registry
        )
        _ = registry.add(connection)
        connection.start()
        return (peer, connection)
    }

    /// Waits until every connection is over, its descriptor closed and its place free.
    func isEmptied(within seconds: Double = 5) -> Bool {
        eventually(within: seconds) { self.registry.count == 0 }
    }
}

/// Where there is no event to wait for.
func eventually(within seconds: Double = 5, _ condition: () -> Bool) -> Bool {
    let deadline = DispatchTime.now() + seconds
    while !condition() {
        if DispatchTime.now() > deadline { return false }
        usleep(2000)
    }
    return true
}
