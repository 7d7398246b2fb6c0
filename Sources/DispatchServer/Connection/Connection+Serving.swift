import Glibc
import Sockets

// How a connection performs the actions of its `ConnectionState`.

extension Connection {
    /// The event that is being served.
    @safe
    struct Event {
        let worker: Worker
        let now: Milliseconds
        /// Received bytes that are still in the worker's buffer. The connection holds what is left of them at the end.
        var rest: UnsafeMutableRawBufferPointer?
        /// How many bytes were received.
        var received = 0
    }

    /// An incomplete request of up to this many bytes is copied to the front of the worker's buffer before the next receive. A
    /// longer one is received into its own memory, so that many short receives do not copy it each time.
    private static var smallRequest: Int { 4096 }

    /// Performs an action and those that follow from it. Returns how many bytes were received.
    @discardableResult
    func perform(
        _ first: ConnectionState.Action,
        _ state: inout State,
        _ worker: Worker,
        _ now: Milliseconds
    ) -> Int {
        var event = unsafe Event(worker: worker, now: now)
        var action = first
        defer { report(&state, now) }
        while true {
            if action.needsBytesHeld, !holdRest(&state, &event) { action = state.life.failed(ENOMEM) }
            switch action {
            case .receive(let most) where state.header != nil:
                action = receiveHeader(atMost: most, &state, event)
            case .receive(let most):
                action = receive(atMost: most, &state, &event)
            case .send(let count):
                action = send(count, &state, &event)
            case .discard(let most):
                let count = unsafe receive(into: worker.buffer, atMost: most)
                action = count >= 0 ? state.life.discarded(count) : receiveFailed(errno, &state)
            case .checkForEndOfFile:
                action =
                    isAtEndOfFile ? answerEndOfFile(&state, event) : state.life.foundNoEndOfFile(now: now)
            case .shutDown:
                unsafe event.rest = nil
                state.held.removeAll()
                action = state.life.shutDown(shutdown(descriptor, Int32(SHUT_WR)) == 0)
            case .waitForInput:
                action = wait(forOutput: false, &state)
            case .waitForOutput:
                action = wait(forOutput: true, &state)
            case .awaitMemory:
                pause(&state)
                server.memory.wait(self)
                return event.received
            case .backOff(let time):
                pause(&state)
                server.later(time) { self.resumeWatching() }
                return event.received
            case .close(let reason):
                close(reason, &state, now)
                return event.received
            case .park:
                park(&state)
                return event.received
            case .nothing:
                return event.received
            }
        }
    }

    private func receive(atMost most: Int, _ state: inout State, _ event: inout Event)
        -> ConnectionState.Action
    {
        let buffer = unsafe event.worker.buffer
        let kept = state.held.count
        let usesBuffer = kept <= Self.smallRequest
        // The connection may have to hold everything that it receives.
        let allowed = state.held.capacity + server.memory.allowance(holding: state.held.capacity)
        guard allowed > kept else { return state.life.foundNoMemory() }
        if !usesBuffer {
            let wanted = min(kept, Worker.bufferSize / 2, allowed - kept)
            guard state.held.tryReserve(wanted, atMost: allowed) else { return state.life.failed(ENOMEM) }
        }
        let memory = unsafe usesBuffer ? buffer : state.held.bytesAndSpare
        if usesBuffer { unsafe memory.copyMemory(from: UnsafeRawBufferPointer(state.held.bytes)) }
        let count = unsafe receive(
            into: UnsafeMutableRawBufferPointer(rebasing: memory[kept...]),
            atMost: min(most, Worker.bufferSize, usesBuffer ? allowed - kept : .max)
        )
        if count < 0 { return receiveFailed(errno, &state) }
        if count == 0 { return answerEndOfFile(&state, event) }

        event.received = count
        if !usesBuffer { state.held.commit(count) }
        let whole = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[..<(kept + count)])
        let step = unsafe state.session.receive(whole, event.worker.tally)
        event.worker.counters.add(requests: step.requests, bytes: count)
        if let output = step.output {
            unsafe hold(output, before: UnsafeRawBufferPointer(rebasing: whole[step.consumed...]), &state)
            return state.life.received(count, step, answer: output.count, now: event.now)
        }
        if usesBuffer { unsafe event.rest = whole }
        return state.life.received(count, step, answer: step.consumed, now: event.now)
    }

    func answerEndOfFile(_ state: inout State, _ event: Event) -> ConnectionState.Action {
        let step = unsafe state.session.receiveEndOfFile(state.held.bytes, event.worker.tally)
        event.worker.counters.add(requests: step.requests, bytes: 0)
        if let output = step.output {
            unsafe hold(output, before: UnsafeRawBufferPointer(start: nil, count: 0), &state)
        }
        let answer = step.output?.count ?? step.consumed
        return state.life.reachedEndOfFile(step, answer: answer, now: event.now)
    }

    private func send(_ count: Int, _ state: inout State, _ event: inout Event) -> ConnectionState.Action {
        let bytes = unsafe UnsafeRawBufferPointer(event.rest ?? state.held.bytes)
        // Bounds: a faulty session must not make the connection send more than it holds.
        let answer = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<min(count, bytes.count)])
        var sent = unsafe Glibc.send(
            descriptor,
            answer.baseAddress,
            answer.count,
            Int32(MSG_NOSIGNAL | MSG_DONTWAIT)
        )
        if sent < 0 {
            guard errno == EAGAIN || errno == EINTR else { return state.life.failed(errno) }
            sent = 0
        }
        if let rest = unsafe event.rest {
            unsafe event.rest = UnsafeMutableRawBufferPointer(rebasing: rest[sent...])
        } else {
            state.held.removeFirst(sent)
        }
        return state.life.sent(sent, now: event.now)
    }

    private func receive(into space: UnsafeMutableRawBufferPointer, atMost most: Int) -> Int {
        unsafe recv(descriptor, space.baseAddress, min(space.count, most), Int32(MSG_DONTWAIT))
    }

    func receiveFailed(_ code: Int32, _ state: inout State) -> ConnectionState.Action {
        code == EAGAIN || code == EINTR ? state.life.wouldBlock() : state.life.failed(code)
    }

    /// Whether the client's end of file is next in the socket.
    private var isAtEndOfFile: Bool {
        var next: UInt8 = 0
        return unsafe recv(descriptor, &next, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) == 0
    }

    /// Holds output of the session, followed by the unused input.
    private func hold(_ output: [UInt8], before rest: UnsafeRawBufferPointer, _ state: inout State) {
        var held = ByteQueue()
        unsafe output.withUnsafeBytes { unsafe held.append($0) }
        unsafe held.append(rest)
        state.held = held
    }

    /// Moves what is left of the received bytes from the worker's buffer into the connection's own memory; false if the system
    /// has none.
    private func holdRest(_ state: inout State, _ event: inout Event) -> Bool {
        guard let rest = unsafe event.rest.take() else { return true }
        return unsafe state.held.tryReplace(with: UnsafeRawBufferPointer(rest))
    }
}

extension ConnectionState.Action {
    /// Whether the connection must hold its bytes itself before this action: it ends the event, or looks at the bytes held.
    fileprivate var needsBytesHeld: Bool {
        switch self {
        case .receive, .send, .discard, .shutDown, .close: false
        case .checkForEndOfFile, .awaitMemory, .backOff, .waitForInput, .waitForOutput, .park, .nothing: true
        }
    }
}
