import CEpollGuard
import CLinux
import Dispatch
import Glibc
import Sockets
import Synchronization

/// One client connection. It performs the actions of its `ConnectionState` on the socket, with the answers of its session.
///
/// All mutable state is behind one lock, held for at most one receive and one send. Handlers, the sweep and the drain take
/// the lock, so any thread may serve a connection. The sweep and the drain never wait for it, so a blocked handler stops
/// neither.
///
/// Where the socket is watched:
///
///     source ──(busy, or output is blocked)──▶ loop ──(quiet)──▶ source        any ──(closed)──▶ nowhere
///     either ──(no memory, or a back-off)──▶ paused ──(memory, time, or the end)──▶ source
///     any ──(handed over)──▶ parked ──(no process took it)──▶ source
///
/// The read source is suspended while the connection is in a loop, paused or parked. The source owns the descriptor: only its
/// cancel handler closes it.
///
/// A drain could also call `shutdown(SHUT_RD)` from another thread and let the handler find an end of file. On Linux that loses
/// answers: the kernel answers a line that arrives later with a RST, which destroys answers in flight. Hence the lock.
final class Connection: LoopMember {
    private enum Watch {
        case source
        /// The source is suspended.
        case parked
        case loop(HotLoop<Connection>, forOutput: Bool)
        case paused
        case nowhere
    }

    private struct State: ~Copyable {
        var life: ConnectionState
        /// The client; the peer's address until the PROXY header names the client.
        var client: SocketAddress
        /// The PROXY header as far as it has arrived; nil if none is expected or it is complete.
        var header: ProxyHeader?
        var session: RunningSession
        /// Answers that the socket did not take, followed by an incomplete request.
        var held = ByteQueue()
        /// How many held bytes were reported to `HeldMemory`, and since when there have been any.
        var reported = MemoryBudget.Holder(bytes: 0, since: 0)
        var watch = Watch.source
        var source: (any DispatchSourceRead)?
        /// When the source last had an event, nil before the first one.
        var lastEvent: Milliseconds?
    }

    /// An incomplete request of up to this many bytes is copied to the front of the worker's buffer before the next receive. A
    /// longer one is received into its own memory, so that many short receives do not copy it each time.
    private static var smallRequest: Int { 4096 }

    /// Unique for the life of the server, starting at 1.
    let number: UInt64
    let descriptor: Int32
    /// The address at the other end of the socket: the client, or its load balancer.
    let peer: SocketAddress
    let listenerName: String
    private let server: ServerCore
    /// The client that the connection counts for in `Connections`. It has a separate lock, because the cancel handler must not
    /// wait for the main one.
    private let enteredKey: Mutex<ClientKey?>
    private let state: Mutex<State>
    /// Whether another process serves the connection now. Then closing it here must not shut it down.
    private let belongsToOther = Atomic(false)

    /// Takes over the descriptor.
    ///
    /// - Parameters:
    ///   - peer: The load balancer in front of the client; nil if there is none, or if a header is still expected.
    ///   - key: The client that the connection counts for, if `Connections.enter` was called already.
    ///   - header: The PROXY header that must arrive first, if any. Then the connection is counted once the client is known.
    ///   - life: The state to start from. By default that of a newly accepted client.
    ///   - held: The bytes that another process held for it.
    init(
        number: UInt64,
        descriptor: consuming Descriptor,
        client: SocketAddress,
        peer: SocketAddress? = nil,
        key: ClientKey? = nil,
        listenerName: String,
        header: ProxyHeader? = nil,
        session: sending @escaping RunningSession,
        server: ServerCore,
        life: ConnectionState = ConnectionState(connectedAt: Clock.now()),
        held: consuming sending ByteQueue = ByteQueue()
    ) {
        self.number = number
        self.peer = peer ?? client
        enteredKey = Mutex(key)
        self.listenerName = listenerName
        self.server = server
        self.descriptor = descriptor.release()
        state = Mutex(
            State(life: life, client: client, header: header, session: session, held: held)
        )
    }

    /// The client that it counts for, if any.
    var key: ClientKey? { enteredKey.withLock { $0 } }

    /// Starts to serve the client on its read source. A connection that was handed over continues where it was.
    ///
    /// - Parameter isTakenOver: False to end a connection that was handed over, as a stop would.
    func start(isTakenOver: Bool = true) {
        state.withLock { state in
            let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: server.queue)
            source.setEventHandler { self.serveFromSource() }
            source.setCancelHandler {
                let isOurs = !self.belongsToOther.load(ordering: .acquiring)
                // If another process holds a duplicate of the socket, close(2) alone does not end the connection.
                if isOurs { shutdown(self.descriptor, Int32(SHUT_RDWR)) }
                epoll_guard_forget(self.descriptor)
                Glibc.close(self.descriptor)
                if isOurs { self.server.connections.remove(self, client: self.key) }
            }
            state.source = source
            guard state.life.isParked else { return source.activate() }
            // Many come at once, and a loop takes each for one system call. It sends the quiet ones to their sources later,
            // some at a time.
            let loop = server.loops.next
            if server.loops.adoptsBusy, loop.add(self, for: EPOLLIN) == 0 {
                // A source that was never activated is resumed as one that is suspended.
                state.watch = .loop(loop, forOutput: false)
            } else {
                source.activate()
            }
            let now = Clock.now()
            let action = isTakenOver ? state.life.resume() : state.life.refuseTakeOver(now: now)
            server.workers.withWorker { _ = perform(action, &state, $0, now) }
        }
    }

    // MARK: - Events

    private func serveFromSource() {
        server.workers.withWorker { worker in
            let now = Clock.now()
            state.withLock { state in
                worker.timing { perform(state.life.ready(), &state, worker, now) }
                lendIfBusy(&state, now)
                state.lastEvent = now
            }
        }
    }

    func serve(_ worker: Worker, now: Milliseconds) -> Int {
        state.withLock { state in worker.timing { perform(state.life.ready(), &state, worker, now) } }
    }

    /// Checks the timeouts. Called by the sweep.
    func tick(_ timeouts: Timeouts, _ worker: Worker, now: Milliseconds) {
        _ = state.withLockIfAvailable { state in
            guard state.source != nil else { return }
            // A paused socket is not watched, so no event reports that the client is gone.
            if case .paused = state.watch, let code = socketError {
                perform(state.life.broke(code), &state, worker, now)
                return
            }
            let isHeaderLate =
                state.header != nil && now > state.life.connectedAt &+ ProxyHeader.timeout(timeouts)
            // Receive first: the bytes may have arrived in time while the process was busy or stopped.
            if isHeaderLate || state.life.isOverdue(timeouts, now: now) {
                perform(state.life.ready(), &state, worker, now)
            }
            if isHeaderLate, state.header != nil {
                perform(state.life.refused(.proxyHeader(.late)), &state, worker, now)
                return
            }
            let untaken = { [descriptor] in StreamSocket.untakenBytes(of: descriptor) }
            perform(state.life.tick(timeouts, untaken: untaken, now: now), &state, worker, now)
        }
    }

    /// The error that has ended the connection, 0 if both sides have closed it; nil for an intact one.
    private var socketError: Int32? {
        var socket = pollfd(fd: descriptor, events: 0, revents: 0)
        guard poll(&socket, 1, 0) > 0 else { return nil }
        return StreamSocket.pendingError(of: descriptor)
    }

    /// Starts the drain of this connection. False if its lock is taken or its client may still send a first request: call again.
    func drain(_ worker: Worker, now: Milliseconds) -> Bool {
        state.withLockIfAvailable { state in
            guard state.source != nil,
                let action = state.life.drain(arrived: StreamSocket.unreadBytes(of: descriptor), now: now)
            else { return false }
            perform(action, &state, worker, now)
            return true
        } ?? false
    }

    // MARK: - Hand-over

    /// Whether it has ended. The descriptor may still be open for a moment.
    var isClosed: Bool { state.withLockIfAvailable { $0.life.isClosed } ?? false }

    /// Answers the bytes that have arrived, then stops serving. False if the lock is taken: call again.
    ///
    /// Only here the lock is held for several receives, until the bytes that have arrived are read.
    func park(_ worker: Worker, now: Milliseconds) -> Bool {
        state.withLockIfAvailable { state in
            guard state.source != nil else { return false }
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
            guard state.life.isParked,
                let session = state.session(
                    UnsafeMutableRawBufferPointer(start: nil, count: 0),
                    .handOver,
                    worker.tally
                ).output
            else { return nil }
            return ConnectionRecord(
                number: number,
                client: state.client,
                peer: state.client == peer ? nil : peer,
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
        try state.withLock { (state) throws(Failure) in try body(UnsafeRawBufferPointer(state.held.bytes)) }
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
            state.watch = .nowhere
            state.source?.cancel()
            state.source?.resume()
        }
    }

    // MARK: - The end

    /// Closes the connection at once, with unsent answers or not. Returns whether this cut off a client.
    func abort(_ worker: Worker) -> Bool {
        state.withLockIfAvailable { state in
            guard state.source != nil else { return true }
            let action = state.life.abort()
            perform(action, &state, worker, Clock.now())
            return action == .close(.drainTimeout)
        } ?? true
    }

    // MARK: - Memory

    /// How much memory it holds; nil for none, or while it is being served.
    var holder: MemoryBudget.Holder? {
        let reported = state.withLockIfAvailable { $0.reported }
        return reported.flatMap { $0.bytes > 0 ? $0 : nil }
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

    /// Ends the connection, because others wait for its memory. Returns whether it ends.
    func giveUpMemory(_ worker: Worker, now: Milliseconds) -> Bool {
        state.withLockIfAvailable { state in
            guard state.source != nil else { return false }
            let action = state.life.giveUpMemory(now: now)
            perform(action, &state, worker, now)
            return action != .nothing
        } ?? false
    }

    /// Reports to `HeldMemory` how many bytes are held, if that has changed.
    private func report(_ state: inout State, _ now: Milliseconds) {
        // A closed connection may keep a part of a header; that ends with it.
        let held = state.life.isClosed ? 0 : state.held.capacity + (state.header?.count ?? 0)
        let bytes = held > HeldMemory.ignored ? held : 0
        guard bytes != state.reported.bytes else { return }
        if state.reported.bytes == 0 { state.reported.since = now }
        let mustWake = server.memory.change(by: bytes - state.reported.bytes)
        state.reported.bytes = bytes
        // With a delay, so that many connections that end together wake the waiting ones once.
        if mustWake { server.later(10) { [server] in server.memory.wake() } }
    }

    // MARK: - Actions

    /// Performs an action and those that follow from it. Returns how many bytes were received.
    @discardableResult
    private func perform(
        _ first: ConnectionState.Action,
        _ state: inout State,
        _ worker: Worker,
        _ now: Milliseconds
    ) -> Int {
        // Bytes of this event that are still in the worker's buffer. The connection keeps the unused part at the end.
        var loose: UnsafeMutableRawBufferPointer?
        var received = 0
        var action = first
        defer { report(&state, now) }
        while true {
            switch action {
            case .receive(let most) where state.header != nil:
                action = receiveHeader(atMost: most, &state, worker, now)
            case .receive(let most):
                action = receive(atMost: most, &state, worker, now, &loose, &received)
            case .send(let count):
                action = send(count, &state, now, &loose)
            case .discard(let most):
                let count = Self.receive(descriptor, worker.buffer, atMost: most)
                action = count >= 0 ? state.life.discarded(count) : afterFailedReceive(&state)
            case .checkForEndOfFile:
                if !keep(&loose, &state) {
                    action = state.life.failed(ENOMEM)
                    continue
                }
                var next: UInt8 = 0
                if recv(descriptor, &next, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) == 0 {
                    action = answerEndOfFile(&state, worker, now)
                } else {
                    action = state.life.foundNoEndOfFile(now: now)
                }
            case .shutDown:
                loose = nil
                state.held.removeAll()
                action = state.life.shutDown(shutdown(descriptor, Int32(SHUT_WR)) == 0)
            case .waitForInput, .waitForOutput:
                let forOutput = if case .waitForOutput = action { true } else { false }
                action = keep(&loose, &state) ? wait(forOutput: forOutput, &state) : state.life.failed(ENOMEM)
            case .awaitMemory:
                pause(&state)
                server.memory.wait(self)
                return received
            case .backOff(let time):
                guard keep(&loose, &state) else {
                    action = state.life.failed(ENOMEM)
                    continue
                }
                pause(&state)
                server.later(time) { self.resumeWatching() }
                return received
            case .close(let reason):
                close(reason, &state, now)
                return received
            case .park:
                guard keep(&loose, &state) else {
                    action = state.life.failed(ENOMEM)
                    continue
                }
                park(&state)
                return received
            case .nothing:
                guard keep(&loose, &state) else {
                    action = state.life.failed(ENOMEM)
                    continue
                }
                return received
            }
        }
    }

    /// Receives the PROXY header. Bytes after it stay in the socket.
    private func receiveHeader(
        atMost most: Int,
        _ state: inout State,
        _ worker: Worker,
        _ now: Milliseconds
    ) -> ConnectionState.Action {
        guard var header = state.header.take() else { return .nothing }
        let hadBegun = header.count > 0
        switch header.receive(from: descriptor, worker.buffer, atMost: most) {
        case .failed(let code):
            state.header = header
            return code == EAGAIN || code == EINTR ? state.life.wouldBlock() : state.life.failed(code)
        case .endOfFile where hadBegun:
            return state.life.refused(.proxyHeader(.incomplete))
        case .endOfFile:
            state.header = header
            return answerEndOfFile(&state, worker, now)
        case .header(_, .invalid(let failure), _):
            return state.life.refused(.proxyHeader(failure))
        case .header(let count, .needsMore, _):
            state.header = header
            return state.life.received(count, .nothing, answer: 0, now: now)
        case .header(let count, .complete(_, let client), let hasMore):
            state.client = client ?? peer
            let key = ClientKey(state.client)
            guard key.map(server.connections.enter) ?? true else {
                // As a listener refuses a client without a load balancer.
                state.header = header
                StreamSocket.resetOnClose(descriptor)
                server.log.refused(state.client, listener: listenerName)
                return state.life.refused(.tooManyConnections)
            }
            enteredKey.withLock { $0 = key }
            server.log.connected(
                number,
                state.client,
                proxy: client.map { _ in peer },
                listener: listenerName
            )
            let next = state.life.received(count, .nothing, answer: 0, now: now)
            return hasMore && next == .waitForInput ? state.life.ready() : next
        }
    }

    private func receive(
        atMost most: Int,
        _ state: inout State,
        _ worker: Worker,
        _ now: Milliseconds,
        _ loose: inout UnsafeMutableRawBufferPointer?,
        _ received: inout Int
    ) -> ConnectionState.Action {
        let kept = state.held.count
        let usesBuffer = kept <= Self.smallRequest
        // The connection may have to hold everything that it receives.
        let allowed = state.held.capacity + server.memory.allowance(holding: state.held.capacity)
        guard allowed > kept else { return state.life.foundNoMemory() }
        if !usesBuffer {
            let wanted = min(kept, worker.buffer.count / 2, allowed - kept)
            guard state.held.tryReserve(wanted, atMost: allowed) else { return state.life.failed(ENOMEM) }
        }
        let memory = usesBuffer ? worker.buffer : state.held.bytesAndSpare
        if usesBuffer { memory.copyMemory(from: UnsafeRawBufferPointer(state.held.bytes)) }
        let space = UnsafeMutableRawBufferPointer(rebasing: memory[kept...])
        let count = Self.receive(
            descriptor,
            space,
            atMost: min(most, worker.buffer.count, usesBuffer ? allowed - kept : .max)
        )
        if count < 0 { return afterFailedReceive(&state) }
        if count == 0 { return answerEndOfFile(&state, worker, now) }

        received = count
        if !usesBuffer { state.held.commit(count) }
        let whole = UnsafeMutableRawBufferPointer(rebasing: memory[..<(kept + count)])
        let step = state.session(whole, .receive, worker.tally)
        worker.counters.add(requests: step.requests, bytes: count)
        if let output = step.output {
            let rest = UnsafeMutableRawBufferPointer(rebasing: whole[step.consumed...])
            hold(output, before: UnsafeRawBufferPointer(rest), &state)
            return state.life.received(count, step, answer: output.count, now: now)
        }
        if usesBuffer { loose = whole }
        return state.life.received(count, step, answer: step.consumed, now: now)
    }

    private func answerEndOfFile(
        _ state: inout State,
        _ worker: Worker,
        _ now: Milliseconds
    ) -> ConnectionState.Action {
        let step = state.session(state.held.bytes, .receiveEndOfFile, worker.tally)
        worker.counters.add(requests: step.requests, bytes: 0)
        if let output = step.output {
            hold(output, before: UnsafeRawBufferPointer(start: nil, count: 0), &state)
        }
        return state.life.reachedEndOfFile(step, answer: step.output?.count ?? step.consumed, now: now)
    }

    private func send(
        _ count: Int,
        _ state: inout State,
        _ now: Milliseconds,
        _ loose: inout UnsafeMutableRawBufferPointer?
    ) -> ConnectionState.Action {
        let bytes = UnsafeRawBufferPointer(loose ?? state.held.bytes)
        // Bounds: a faulty session must not make the connection send more than it holds.
        let answer = UnsafeRawBufferPointer(rebasing: bytes[..<min(count, bytes.count)])
        var sent = Glibc.send(
            descriptor,
            answer.baseAddress,
            answer.count,
            Int32(MSG_NOSIGNAL | MSG_DONTWAIT)
        )
        if sent < 0 {
            guard errno == EAGAIN || errno == EINTR else { return state.life.failed(errno) }
            sent = 0
        }
        if let whole = loose {
            loose = UnsafeMutableRawBufferPointer(rebasing: whole[sent...])
        } else {
            state.held.removeFirst(sent)
        }
        return state.life.sent(sent, now: now)
    }

    private func afterFailedReceive(_ state: inout State) -> ConnectionState.Action {
        errno == EAGAIN || errno == EINTR ? state.life.wouldBlock() : state.life.failed(errno)
    }

    /// Holds output of the session, followed by the unused input.
    private func hold(_ output: [UInt8], before rest: UnsafeRawBufferPointer, _ state: inout State) {
        var held = ByteQueue()
        output.withUnsafeBytes { held.append($0) }
        held.append(rest)
        state.held = held
    }

    /// Moves unused bytes from the worker's buffer into the connection's own memory; false if the system has none.
    private func keep(_ loose: inout UnsafeMutableRawBufferPointer?, _ state: inout State) -> Bool {
        guard let rest = loose else { return true }
        loose = nil
        return state.held.tryReplace(with: UnsafeRawBufferPointer(rest))
    }

    private static func receive(
        _ descriptor: Int32,
        _ space: UnsafeMutableRawBufferPointer,
        atMost most: Int
    ) -> Int {
        recv(descriptor, space.baseAddress, min(space.count, most), Int32(MSG_DONTWAIT))
    }

    private func close(_ reason: EndReason, _ state: inout State, _ now: Milliseconds) {
        state.held.removeAll()
        report(&state, now)
        server.connections.countEnd(reason.name)
        let untaken = untaken(reason, state.life.abandonedBytes)
        if untaken > 0 { server.connections.addUntaken(untaken) }
        if case .proxyHeader(let failure) = reason {
            server.connections.count(failure)
            state.header = nil
        }
        // No line for a peer that left before its PROXY header, such as a port check, nor for a refused client: that was
        // logged already.
        if state.header == nil {
            server.log.disconnected(
                Ended(
                    connection: number,
                    client: state.client,
                    proxy: state.client == peer ? nil : peer,
                    listener: listenerName,
                    requests: state.life.requests,
                    bytes: state.life.answeredBytes,
                    duration: now &- state.life.connectedAt,
                    untaken: untaken,
                    reason: reason
                )
            )
        }
        let isSuspended = unwatch(&state)
        state.watch = .nowhere
        state.source?.cancel()
        // The cancel handler runs only when the source is not suspended.
        if isSuspended { state.source?.resume() }
    }

    /// How many bytes of answers the client has not acknowledged when the server ends the connection.
    private func untaken(_ reason: EndReason, _ abandoned: Int) -> Int {
        switch reason {
        case .drained, .drainTimeout, .timedOut, .memoryUsedUp, .notTakenOver:
            abandoned + StreamSocket.untakenBytes(of: descriptor)
        case .finished, .completed, .refused, .proxyHeader, .tooManyConnections, .lost: abandoned
        }
    }

    // MARK: - Watching

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

    private func pause(_ state: inout State) {
        if case .paused = state.watch { return }
        if !unwatch(&state) { state.source?.suspend() }
        state.watch = .paused
    }

    private func wait(forOutput: Bool, _ state: inout State) -> ConnectionState.Action {
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

    private func park(_ state: inout State) {
        switch state.watch {
        case .parked, .nowhere: return
        case .source, .loop, .paused: break
        }
        if !unwatch(&state) { state.source?.suspend() }
        state.watch = .parked
    }

    private func lendIfBusy(_ state: inout State, _ now: Milliseconds) {
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

    private func takeBack(_ state: inout State) {
        guard unwatch(&state) else { return }
        state.watch = .source
        state.source?.resume()
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

    /// Ends the connection, because the system cannot watch its descriptor. Returns false if it is being served: then it must
    /// be told again.
    @discardableResult
    func fail(_ code: Int32) -> Bool {
        let isTold: Void? = state.withLockIfAvailable { state in
            guard state.source != nil, case .close(let reason) = state.life.failed(code) else { return }
            close(reason, &state, Clock.now())
        }
        return isTold != nil
    }
}
