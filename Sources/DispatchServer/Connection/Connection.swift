import CEpollGuard
import Dispatch
import Glibc
import Sockets
import Synchronization

/// One client connection. It performs the actions of its `ConnectionState` on the socket, with the answers of its session.
///
/// This file has what happens to a connection from its start to its end. The extensions serve one event (`+Serving`,
/// `+ProxyHeader`), change where the socket is watched (`+Watching`), account for its memory (`+Memory`), and hand the
/// connection over to another process (`+HandOver`).
///
/// All mutable state is behind one lock, held for at most one receive and one send. Handlers, the sweep and the drain take
/// the lock, so any thread may serve a connection. The sweep and the drain never wait for it, so a blocked handler stops
/// neither.
///
/// A drain could also call `shutdown(SHUT_RD)` from another thread and let the handler find an end of file. On Linux that loses
/// answers: the kernel answers a line that arrives later with a RST, which destroys answers in flight. Hence the lock.
final class Connection: LoopMember {
    struct State: ~Copyable {
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
        /// Nil until the start. The source owns the descriptor: only its cancel handler closes it.
        var source: (any DispatchSourceRead)?
        /// When the source last had an event, nil before the first one.
        var lastEvent: Milliseconds?
    }

    /// Unique for the life of the server, starting at 1.
    let number: UInt64
    let descriptor: Int32
    /// The address at the other end of the socket: the client, or its load balancer.
    let peer: SocketAddress
    let listenerName: String
    let server: ServerCore
    /// The client that the connection counts for in `Connections`. It has a separate lock, because the cancel handler must not
    /// wait for the main one.
    let enteredKey: Mutex<ClientKey?>
    let state: Mutex<State>
    /// Whether another process serves the connection now. Then closing it here must not shut it down.
    let belongsToOther = Atomic(false)

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
        session: sending RunningSession,
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
            source.setCancelHandler { self.closeDescriptor() }
            state.source = source
            guard state.life.isParked else { return source.activate() }
            beginWatching(afterTakeOver: &state)
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
        _ = withStartedState { state in
            // A paused socket is not watched, so no event reports that the client is gone.
            if case .paused = state.watch, let code = socketError {
                perform(state.life.broke(code), &state, worker, now)
                return
            }
            // One that lingers has its own end, with or without a header.
            let isHeaderLate =
                state.header != nil && state.life.isServing
                && now > state.life.connectedAt &+ ProxyHeader.timeout(timeouts)
            // Receive first: the bytes may have arrived in time while the process was busy or stopped.
            if isHeaderLate || state.life.isOverdue(timeouts, now: now) {
                perform(state.life.ready(), &state, worker, now)
            }
            if isHeaderLate, state.header != nil {
                perform(state.life.refused(.proxyHeader(.late)), &state, worker, now)
                return
            }
            let untaken = { [descriptor] in StreamSocket.untakenBytes(of: descriptor) }
            let action = state.life.tick(timeouts, untaken: untaken, now: now)
            // Most connections have nothing to do: the sweep does not touch the rest of their memory.
            if action != .nothing { perform(action, &state, worker, now) }
        }
    }

    /// The error that has ended the connection, 0 if both sides have closed it; nil for an intact one.
    private var socketError: Int32? {
        var socket = pollfd(fd: descriptor, events: 0, revents: 0)
        guard unsafe poll(&socket, 1, 0) > 0 else { return nil }
        return StreamSocket.pendingError(of: descriptor)
    }

    /// Starts the drain of this connection. False if its lock is taken or its client may still send a first request: call again.
    func drain(_ worker: Worker, now: Milliseconds) -> Bool {
        withStartedState { state in
            guard
                let action = state.life.drain(arrived: StreamSocket.unreadBytes(of: descriptor), now: now)
            else { return false }
            perform(action, &state, worker, now)
            return true
        } ?? false
    }

    /// Calls `body` unless the connection is being served or has not started; returns nil then.
    func withStartedState<Result: Sendable>(_ body: (inout State) -> Result) -> Result? {
        let result = state.withLockIfAvailable { $0.source == nil ? nil : body(&$0) }
        return result ?? nil
    }

    // MARK: - The end

    /// Whether it has ended. The descriptor may still be open for a moment.
    var isClosed: Bool { state.withLockIfAvailable { $0.life.isClosed } ?? false }

    /// Closes the connection at once, with unsent answers or not. Returns whether this cut off a client.
    func abort(_ worker: Worker) -> Bool {
        withStartedState { state in
            let action = state.life.abort()
            perform(action, &state, worker, Clock.now())
            return action == .close(.drainTimeout)
        } ?? true
    }

    /// Ends the connection, because the system cannot watch its descriptor. False if it is being served: call again.
    @discardableResult
    func fail(_ code: Int32) -> Bool {
        let isDone: Void? = state.withLockIfAvailable { state in
            guard state.source != nil, case .close(let reason) = state.life.failed(code) else { return }
            close(reason, &state, Clock.now())
        }
        return isDone != nil
    }

    /// Closes the socket, counts and logs the end of the connection.
    func close(_ reason: EndReason, _ state: inout State, _ now: Milliseconds) {
        state.held.removeAll()
        report(&state, now)
        let untaken = untaken(reason, state.life.abandonedBytes)
        server.connections.countEnd(reason, untaken: untaken)
        if case .proxyHeader = reason { state.header = nil }
        // No line for a peer that left before its PROXY header, such as a port check, nor for a refused client: that was
        // logged already.
        if state.header == nil {
            server.log.disconnected(
                Ended(
                    connection: number,
                    client: state.client,
                    proxy: proxy(of: state.client),
                    listener: listenerName,
                    requests: state.life.requests,
                    bytes: state.life.answeredBytes,
                    duration: now &- state.life.connectedAt,
                    untaken: untaken,
                    reason: reason
                )
            )
        }
        endWatching(&state)
    }

    /// How many bytes of answers the client has not acknowledged when the server ends the connection.
    private func untaken(_ reason: EndReason, _ abandoned: Int) -> Int {
        switch reason {
        case .drained, .drainTimeout, .timedOut, .memoryUsedUp, .notTakenOver:
            abandoned + StreamSocket.untakenBytes(of: descriptor)
        case .finished, .completed, .refused, .proxyHeader, .tooManyConnections, .lost: abandoned
        }
    }

    /// The load balancer in front of the client, if any.
    func proxy(of client: SocketAddress) -> SocketAddress? { client == peer ? nil : peer }

    /// The cancel handler of the source.
    private func closeDescriptor() {
        let isOurs = !belongsToOther.load(ordering: .acquiring)
        // If another process holds a duplicate of the socket, close(2) alone does not end the connection.
        if isOurs { shutdown(descriptor, Int32(SHUT_RDWR)) }
        epoll_guard_forget(descriptor)
        Glibc.close(descriptor)
        if isOurs { server.connections.remove(self, client: key) }
    }
}
