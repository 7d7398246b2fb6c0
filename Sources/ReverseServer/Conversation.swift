import Glibc
import ReverseCore
import Sockets
import Synchronization

// The steps of a connection, each with the lock held: one receive, one send at most.
extension Connection {
    /// How much is read after our FIN, and how long, so that the client can take its last answers: close(2) with
    /// unread input would send a RST after them. The bytes are many, so that a client that sends all before it reads
    /// comes to reading; the time is short.
    private static let lingeringBytes = 64 << 20
    private static let lingeringTime: Milliseconds = 2000

    /// A partial line of at most this many bytes is copied in front of what is received next; a longer one is
    /// received into its own memory, so that many short receives never copy a long line again and again.
    private static let smallPartial = 4096

    /// Receives once and answers what is complete.
    func converse(
        _ state: inout State,
        _ scratch: UnsafeMutableRawBufferPointer,
        remaining: Int?,
        _ now: Milliseconds
    ) {
        let kept = state.held.count
        let usesScratch = kept <= Self.smallPartial
        let whole: UnsafeMutableRawBufferPointer
        if usesScratch {
            UnsafeMutableRawBufferPointer(rebasing: scratch[..<kept]).copyMemory(
                from: UnsafeRawBufferPointer(state.held.bytes)
            )
            whole = scratch
        } else {
            state.held.reserve(ScratchPool.bytes / 2)
            let spare = state.held.spare
            // Bounds: the memory of the bytes held and the spare memory behind them are one allocation.
            whole = UnsafeMutableRawBufferPointer(
                start: state.held.bytes.baseAddress,
                count: kept + spare.count
            )
        }
        let space = UnsafeMutableRawBufferPointer(rebasing: whole[kept...])
        let wanted = min(space.count, ScratchPool.bytes, remaining ?? .max)
        let received = recv(descriptor, space.baseAddress, wanted, 0)
        guard received > 0 else {
            if received == 0 { return receivedEndOfFile(&state, now) }
            if errno != EAGAIN && errno != EINTR { close(&state, .lost(errno)) }
            return
        }

        state.session.maximumLineBytes = registry.policy.maximumLineBytes.load(ordering: .relaxed)
        let present = UnsafeMutableRawBufferPointer(rebasing: whole[..<(kept + received)])
        let step = state.session.received(present)
        count(&state, step, received: received, now)
        let remaining = remaining.map { $0 - received }

        guard let sent = send(&state, UnsafeRawBufferPointer(rebasing: present[..<step.answered])) else {
            return
        }
        let rest = UnsafeRawBufferPointer(rebasing: present[sent...])
        if usesScratch {
            state.held.replace(with: rest)
        } else {
            state.held.commit(received)
            state.held.removePrefix(sent)
        }
        let next: Continuation = step.ending == nil ? .converse(remaining: remaining) : .finish(.lineTooLong)
        proceed(&state, unsent: step.answered - sent, next)
    }

    /// Sends what is owed.
    func flush(_ state: inout State, unsent: Int, then next: Continuation, _ now: Milliseconds) {
        guard let sent = send(&state, UnsafeRawBufferPointer(rebasing: state.held.bytes[..<unsent])) else {
            return
        }
        if sent > 0 { state.lastProgress = now }
        state.held.removePrefix(sent)
        proceed(&state, unsent: unsent - sent, next)
    }

    /// Throws away what comes after our FIN.
    func discard(
        _ state: inout State,
        _ scratch: UnsafeMutableRawBufferPointer,
        _ allowance: Int,
        _ deadline: Milliseconds
    ) {
        let received = recv(descriptor, scratch.baseAddress, scratch.count, 0)
        if received < 0 && (errno == EAGAIN || errno == EINTR) { return }
        guard received > 0, received < allowance else { return close(&state, state.departure) }
        state.phase = .lingering(allowance: allowance - received, deadline: deadline)
    }

    /// Ends the conversation from our side: FIN, then a while for the client to take its answers.
    func finish(_ state: inout State, _ departure: Departure) {
        state.departure = departure
        state.held.free()
        // After the client's end-of-file there is nothing left to read, so close(2) sends a FIN after the answers.
        guard departure != .finished, shutdown(descriptor, Int32(SHUT_WR)) == 0 else {
            return close(&state, departure)
        }
        state.phase = .lingering(allowance: Self.lingeringBytes, deadline: Clock.now() &+ Self.lingeringTime)
        state.readiness.awaitInput(self)
    }

    /// Ends a conversation of which all is read that had arrived when the server began to stop. If the client's
    /// end-of-file is what comes next, its last line is whole.
    func finishDrained(_ state: inout State) {
        var next: UInt8 = 0
        if recv(descriptor, &next, 1, Int32(MSG_PEEK)) == 0 {
            receivedEndOfFile(&state, Clock.now())
        } else {
            finish(&state, .drained)
        }
    }

    /// Ends everything; the descriptor is closed once nothing watches it.
    func close(_ state: inout State, _ departure: Departure) {
        state.phase = .closed
        state.held.free()
        registry.log.disconnected(
            self,
            requests: state.requests,
            bytes: state.bytes,
            duration: Clock.now() &- connectedAt,
            departure
        )
        state.readiness.stop(self)
    }

    private func receivedEndOfFile(_ state: inout State, _ now: Milliseconds) {
        state.session.maximumLineBytes = registry.policy.maximumLineBytes.load(ordering: .relaxed)
        let step = state.session.receivedEndOfFile(state.held.bytes)
        count(&state, step, received: 0, now)
        guard let sent = send(&state, UnsafeRawBufferPointer(rebasing: state.held.bytes[..<step.answered]))
        else { return }
        state.held.removePrefix(sent)
        let departure: Departure = step.ending == .lineTooLong ? .lineTooLong : .finished
        proceed(&state, unsent: step.answered - sent, .finish(departure))
    }

    /// Goes on when `unsent` bytes of what had to be sent are left.
    private func proceed(_ state: inout State, unsent: Int, _ next: Continuation) {
        if unsent > 0 {
            state.untaken = StreamSocket.untakenBytes(of: descriptor)
            state.phase = .flushing(unsent: unsent, then: next)
            state.readiness.awaitOutput(self)
            return
        }
        switch next {
        case .converse(remaining: 0): finishDrained(&state)
        case .converse(let remaining):
            state.phase = .conversing(remaining: remaining)
            state.readiness.awaitInput(self)
        case .finish(let departure): finish(&state, departure)
        }
    }

    /// Sends what the socket takes: how many bytes that was, or nil when the connection is lost and closed.
    private func send(_ state: inout State, _ bytes: UnsafeRawBufferPointer) -> Int? {
        guard !bytes.isEmpty else { return 0 }
        let sent = Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
        if sent >= 0 { return sent }
        if errno == EAGAIN || errno == EINTR { return 0 }
        close(&state, .lost(errno))
        return nil
    }

    private func count(_ state: inout State, _ step: Session.Step, received: Int, _ now: Milliseconds) {
        state.bytes &+= UInt64(received)
        if step.requests > 0 {
            state.requests &+= UInt64(step.requests)
            state.lastProgress = now
        }
        registry.counters.add(requests: step.requests, bytes: received)
    }
}
