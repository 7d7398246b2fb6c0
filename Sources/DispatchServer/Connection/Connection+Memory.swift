import Sockets
import Synchronization

extension Connection {
    /// How much memory it holds; nil for none, or while it is being served.
    var holder: MemoryBudget.Holder? {
        let reported = state.withLockIfAvailable { $0.reported }
        return reported.flatMap { $0.bytes > 0 ? $0 : nil }
    }

    /// Ends the connection, because others wait for its memory. Does nothing while it is being served.
    func giveUpMemory(_ worker: Worker, now: Milliseconds) {
        _ = withStartedState { state in
            perform(state.life.giveUpMemory(now: now), &state, worker, now)
        }
    }

    /// Reports to `HeldMemory` how many bytes are held, if that has changed.
    func report(_ state: inout State, _ now: Milliseconds) {
        let held = state.held.capacity + (state.header?.count ?? 0)
        let bytes = held > HeldMemory.ignored ? held : 0
        guard bytes != state.reported.bytes else { return }
        if state.reported.bytes == 0 { state.reported.since = now }
        let mustWake = server.memory.change(by: bytes - state.reported.bytes)
        state.reported.bytes = bytes
        // With a delay, so that many connections that end together wake the waiting ones once.
        if mustWake { server.later(10) { [server] in server.memory.wake() } }
    }
}
