import Sockets
import Synchronization

extension Connection {
    /// Answers the bytes that have arrived, then stops serving. False if the lock is taken: call again.
    ///
    /// Only here the lock is held for several receives, until the bytes that have arrived are read.
    func park(_ worker: Worker, now: Milliseconds) -> Bool {
        withStartedState { state in
            let action = state.life.handOver(arrived: StreamSocket.unreadBytes(of: descriptor))
            perform(action, &state, worker, now)
            while state.life.isAnsweringForHandOver { perform(state.life.ready(), &state, worker, now) }
            return true
        } ?? false
    }

    /// The record from which another process continues a parked connection; nil if the connection cannot be handed over.
    ///
    /// - Parameter offset: The position in the file of the bytes that it holds.
    func record(heldAt offset: UInt64, _ worker: Worker) -> ConnectionRecord? {
        state.withLock { state in
            guard state.life.isParked, let session = state.session.handOverState(worker.tally) else {
                return nil
            }
            return ConnectionRecord(
                number: number,
                client: state.client,
                peer: proxy(of: state.client),
                listener: listenerName,
                header: state.header?.bytes,
                life: state.life,
                session: session,
                held: offset..<(offset + UInt64(state.held.count))
            )
        }
    }

    /// Calls `body` with the bytes that a parked connection holds.
    func withHeldBytes<Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        try state.withLock { (state) throws(Failure) in
            try unsafe body(UnsafeRawBufferPointer(state.held.bytes))
        }
    }

    /// Serves a parked connection again that no other process took.
    func resume(_ worker: Worker, now: Milliseconds) {
        state.withLock { state in
            guard case .parked = state.watch else { return }
            takeBack(&state)
            perform(state.life.resume(), &state, worker, now)
        }
    }

    /// Closes the descriptor of a parked connection that another process serves now. The client does not notice.
    func closeAfterHandOver() {
        state.withLock { state in
            guard case .parked = state.watch else { return }
            belongsToOther.store(true, ordering: .releasing)
            state.held.removeAll()
            report(&state, Clock.now())
            endWatching(&state)
        }
    }
}
