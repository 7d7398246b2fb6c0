import CLinux
import Dispatch
import Glibc
import Synchronization

// Where the socket of a connection is watched:
//
//     source ──(busy, or output is blocked)──▶ loop ──(quiet)──▶ source        any ──(closed)──▶ nowhere
//     either ──(no memory, or a back-off)──▶ paused ──(memory, time, or the end)──▶ source
//     any ──(handed over)──▶ parked ──(no process took it)──▶ source
//
// The read source is suspended while the connection is in a loop, paused or parked.

extension Connection {
    enum Watch {
        case source
        case parked
        case loop(HotLoop<Connection>, forOutput: Bool)
        case paused
        case nowhere
    }

    // MARK: - On and off

    /// Starts to watch the socket of a connection that was handed over.
    func beginWatching(afterTakeOver state: inout State) {
        // Many connections are taken over together, and to add one to a loop takes a single system call. The loop returns
        // the quiet ones to their sources later, some at each tick. A source that was never activated counts as suspended.
        let loop = server.loops.next
        if server.loops.adoptsBusy, loop.add(self, for: EPOLLIN) == 0 {
            state.watch = .loop(loop, forOutput: false)
        } else {
            state.source?.activate()
        }
    }

    /// Stops watching the socket. Returns whether the source is suspended; then the caller must resume it.
    private func unwatch(_ state: inout State) -> Bool {
        switch state.watch {
        case .source, .nowhere: return false
        case .loop(let loop, _): loop.remove(self)
        case .paused: server.memory.stopWaiting(self)
        case .parked: break
        }
        return true
    }

    /// Stops watching the socket for good; then its source closes it.
    func endWatching(_ state: inout State) {
        let isSuspended = unwatch(&state)
        state.watch = .nowhere
        state.source?.cancel()
        // The cancel handler runs only when the source is not suspended.
        if isSuspended { state.source?.resume() }
    }

    func pause(_ state: inout State) {
        if case .paused = state.watch { return }
        if !unwatch(&state) { state.source?.suspend() }
        state.watch = .paused
    }

    func park(_ state: inout State) {
        switch state.watch {
        case .parked, .nowhere: return
        case .source, .loop, .paused: break
        }
        if !unwatch(&state) { state.source?.suspend() }
        state.watch = .parked
    }

    /// Watches the socket on its source again.
    func takeBack(_ state: inout State) {
        guard unwatch(&state) else { return }
        state.watch = .source
        state.source?.resume()
    }

    /// Watches the socket for input or for space for output.
    func wait(forOutput: Bool, _ state: inout State) -> ConnectionState.Action {
        if case .paused = state.watch { takeBack(&state) }
        switch state.watch {
        case .source where forOutput:
            return lend(&state, forOutput: true)
        case .loop(_, forOutput: true) where !forOutput && !server.loops.adoptsBusy:
            takeBack(&state)
        case .loop(let loop, let waitsForOutput) where waitsForOutput != forOutput:
            let code = loop.change(self, to: forOutput ? EPOLLOUT : EPOLLIN)
            if code != 0 { return state.life.failed(code) }
            state.watch = .loop(loop, forOutput: forOutput)
        case .source, .loop, .paused, .parked, .nowhere:
            break
        }
        return .nothing
    }

    /// Watches a paused connection again: there may be memory, or its back-off is over.
    func resumeWatching() {
        let isDone: Void? = state.withLockIfAvailable { state in
            guard case .paused = state.watch else { return }
            let action = wait(forOutput: state.life.isSending, &state)
            if case .close(let reason) = action { close(reason, &state, Clock.now()) }
        }
        // The thread that holds the lock may be about to pause the connection.
        if isDone == nil { server.later(10) { self.resumeWatching() } }
    }

    // MARK: - Between the source and the hot loops

    func lendIfBusy(_ state: inout State, _ now: Milliseconds) {
        // Only after a second event: a client with one request is not worth the move to a loop.
        guard case .source = state.watch, let lastEvent = state.lastEvent,
            server.loops.shouldAdopt(lastEvent: lastEvent, now: now)
        else { return }
        // If the loop refuses it, the source keeps it.
        _ = lend(&state, forOutput: false)
    }

    private func lend(_ state: inout State, forOutput: Bool) -> ConnectionState.Action {
        let loop = server.loops.next
        state.source?.suspend()
        let code = loop.add(self, for: forOutput ? EPOLLOUT : EPOLLIN)
        if code == 0 {
            state.watch = .loop(loop, forOutput: forOutput)
            return .nothing
        }
        state.source?.resume()
        return forOutput ? state.life.failed(code) : .nothing
    }

    func leave(_ loop: HotLoop<Connection>) -> Bool {
        state.withLockIfAvailable { state in
            guard case .loop(let current, forOutput: false) = state.watch, current === loop else {
                return false
            }
            takeBack(&state)
            return true
        } ?? false
    }

    func move(from loop: HotLoop<Connection>, to other: HotLoop<Connection>) {
        _ = state.withLockIfAvailable { state in
            guard case .loop(let current, let forOutput) = state.watch, current === loop, other !== loop
            else { return }
            loop.remove(self)
            let code = other.add(self, for: forOutput ? EPOLLOUT : EPOLLIN)
            if code == 0 {
                state.watch = .loop(other, forOutput: forOutput)
                return
            }
            state.watch = .source
            state.source?.resume()
            if forOutput, case .close(let reason) = state.life.failed(code) {
                close(reason, &state, Clock.now())
            }
        }
    }
}
