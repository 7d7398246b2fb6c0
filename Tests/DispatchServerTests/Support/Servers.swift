import Dispatch
import Synchronization

@testable import DispatchServer

/// Closes the listeners of its servers at the end of a test. A server that has handed over leaves that to the end of its process.
final class Servers: Sendable {
    private let closings = Mutex<[@Sendable () -> Void]>([])

    func add<Session>(_ server: Server<Session>) {
        closings.withLock { $0.append { server.core.control.sync { server.listeners.close() } } }
    }

    deinit { for close in closings.withLock({ $0 }) { close() } }
}
