import Dispatch
import Synchronization

extension Server {
    /// Stops: no new client is accepted, every complete request that has arrived is answered, and connections that are still open
    /// after the drain timeout are cut off. A blocked handler cannot delay the end.
    ///
    /// - Parameter completion: Called once, with the number of connections cut off.
    public func drain(_ completion: @escaping @Sendable (_ cutOff: Int) -> Void) {
        let isFirst = state.withLock { state in
            defer { state.isDraining = true }
            return !state.isDraining
        }
        guard isFirst else { return }
        core.control.async { [self] in
            let end = Once { [self] in
                core.log.noteOmitted(at: .max)
                completion(state.withLock { $0.cutOff })
            }
            core.connections.beginDrain()
            makeSlotsForBacklogs()
            listeners.leave { [core] in
                core.connections.whenEmpty { core.control.async { end.call() } }
            }
            core.drain(core.connections.all)
            // Handshakes complete even if the timeout is shorter.
            let timeout = core.currentLimits.drainTimeout.milliseconds
            core.later(max(timeout, 2 * Listener.handshakeTime)) { [self] in
                listeners.close()
                let cutOff = core.abort(core.connections.all)
                state.withLock { $0.cutOff = cutOff }
                // Once more, for connections that were being served. Blocked ones are left open.
                core.later(100) { [core] in
                    _ = core.abort(core.connections.all)
                    end.call()
                }
            }
        }
    }
}

/// The server began to stop before a change took effect.
public struct StoppingError: Error, CustomStringConvertible, Sendable {
    /// One sentence.
    public var description: String { "the server is stopping" }
}

/// Calls a function at most once.
final class Once: Sendable {
    private let isDone = Atomic(false)
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    func call() {
        if !isDone.exchange(true, ordering: .relaxed) { body() }
    }
}
