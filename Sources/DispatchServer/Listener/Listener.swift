import CEpollGuard
import Dispatch
import Glibc
import Sockets
import Synchronization

/// One listening socket. It performs the actions of its `ListenerState`.
///
/// All mutable state is behind one lock, and accept is called with the lock held. The cancel handler of the read source closes
/// the descriptor, after the state is closed. So accept never uses a descriptor number that was reused.
final class Listener: Sendable {
    private struct State: ~Copyable {
        var life = ListenerState()
        var makeSession: SessionMaker
        var source: (any DispatchSourceRead)?
        var isWatched = false
    }

    /// How long a handshake that has begun may take to reach the backlog of a leaving listener.
    static var handshakeTime: Milliseconds { 50 }

    /// Where it listens, and the configured address.
    let address: ListeningSocket.Identity
    let descriptor: Int32
    private let server: ServerCore
    private let onEnd: @Sendable (Listener) -> Void
    private let state: Mutex<State>

    /// Takes over the socket.
    ///
    /// - Parameter onEnd: Called once, when the socket is closed.
    init(
        _ socket: consuming ListeningSocket,
        makeSession: SessionMaker,
        server: ServerCore,
        onEnd: @escaping @Sendable (Listener) -> Void
    ) {
        address = socket.identity
        descriptor = socket.release()
        self.server = server
        self.onEnd = onEnd
        state = Mutex(State(makeSession: makeSession))
        state.withLock { state in
            let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: server.queue)
            source.setEventHandler { [self] in handle { life, _ in life.ready() } }
            source.setCancelHandler { [self] in
                epoll_guard_forget(descriptor)
                Glibc.close(descriptor)
                self.onEnd(self)
            }
            state.source = source
        }
    }

    /// Sets how sessions of later clients are made.
    func setSessions(_ makeSession: SessionMaker) {
        state.withLock { $0.makeSession = makeSession }
    }

    func start() { handle { life, _ in life.start() } }

    func slotIsFree() { handle { life, now in life.slotIsFree(now: now) } }

    func tick() {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // poll runs with the lock held, and only if the listener is open: a closed one has no descriptor.
        handle { life, now in life.tick(clientWaits: unsafe poll(&waiting, 1, 0) > 0, now: now) }
    }

    /// Closes the socket, because the system cannot watch it.
    func giveUp(_ code: Int32) { handle { life, _ in life.giveUp(code) } }

    /// Sets whether a new listener may have an address that overlaps this one's. Does nothing if the socket is closed.
    func allowOverlap(_ allowed: Bool) {
        withOpenSocket { try? StreamSocket.allowOverlap(allowed, on: $0) }
    }

    /// Calls `body` unless the socket is closed: another file may have its descriptor number by then.
    func withOpenSocket(_ body: (Int32) -> Void) {
        state.withLock { if $0.life.phase != .closed { body(descriptor) } }
    }

    /// Stops listening for new clients, accepts those whose handshakes have begun as slots become free, then closes the socket. A
    /// socket that was handed in is closed at once: the process that gets it next accepts the waiting clients.
    func leave() {
        guard address.isOurs else { return close() }
        if let file = address.file {
            file.remove()
        } else {
            withOpenSocket(StreamSocket.ignoreNewcomers)
        }
        handle { life, now in life.leave(arrivedBy: now &+ Self.handshakeTime) }
        server.later(Self.handshakeTime + 10) { self.handle { life, _ in life.handshakesAreOver() } }
    }

    /// Stops accepting until `release`.
    func hold() { handle { life, _ in life.hold() } }

    /// Accepts again after `hold`.
    func release() { handle { life, _ in life.release() } }

    /// Closes the socket at once, or as soon as the handler that is using it returns.
    func close() {
        let isClosed: Void? = state.withLockIfAvailable { state in
            let actions = state.life.close()
            perform(actions, &state, Clock.now())
        }
        if isClosed == nil { server.later(10) { self.close() } }
    }

    private func handle(_ event: (inout ListenerState, Milliseconds) -> [ListenerState.Action]) {
        state.withLock { state in
            let now = Clock.now()
            let actions = event(&state.life, now)
            perform(actions, &state, now)
        }
    }

    // MARK: - Actions

    private func perform(_ first: [ListenerState.Action], _ state: inout State, _ now: Milliseconds) {
        var actions = first[...]
        while let action = actions.popFirst() {
            switch action {
            case .accept: actions = accept(&state, now)[...]
            case .watch: watch(true, &state)
            case .unwatch: watch(false, &state)
            case .awaitSlot:
                if !server.connections.awaitSlot(self) { actions += state.life.slotIsFree(now: now) }
            case .countPause(let time): server.connections.addPausedTime(time)
            case .backOff(let time):
                server.later(time) { self.handle { life, _ in life.backOffIsOver() } }
            case .note(let notice):
                server.log.note(notice, capacity: server.connections.capacity, listener: address.name)
            case .close:
                state.source?.cancel()
                watch(true, &state)
            }
        }
    }

    private func watch(_ isWatched: Bool, _ state: inout State) {
        guard state.isWatched != isWatched else { return }
        state.isWatched = isWatched
        // A new source is inactive; resume activates it as well.
        if isWatched { state.source?.resume() } else { state.source?.suspend() }
    }

    private func accept(_ state: inout State, _ now: Milliseconds) -> [ListenerState.Action] {
        guard server.connections.acquireSlot() else { return state.life.foundNoSlot(now: now) }
        switch StreamSocket.accept(from: descriptor) {
        case .client(let socket, let address):
            // With a PROXY header the client is not known yet.
            let proxyProtocol = state.makeSession.proxyProtocol
            let key = proxyProtocol.isExpected ? nil : ClientKey(address)
            if proxyProtocol.refuses(address) {
                server.connections.count(.untrusted)
                refuse(socket)
                server.log.refused(address, .untrusted, listener: self.address.name)
            } else if key.map(server.connections.enter) ?? true {
                serve(socket, address, key, state.makeSession)
            } else {
                refuse(socket)
                server.log.refused(address, listener: self.address.name)
            }
            return state.life.accepted()
        case .failed(let code):
            server.connections.releaseSlot()
            return state.life.failed(
                code,
                isListening: { StreamSocket.isListening(descriptor) },
                now: now
            )
        }
    }

    /// Closes the socket of a refused client. A RST instead of a FIN tells the client that this is no answer, and leaves nothing
    /// of the connection in the kernel.
    private func refuse(_ socket: consuming Descriptor) {
        StreamSocket.resetOnClose(socket.number)
        _ = consume socket
        server.connections.releaseSlot()
    }

    private func serve(
        _ socket: consuming Descriptor,
        _ client: SocketAddress,
        _ key: ClientKey?,
        _ makeSession: SessionMaker
    ) {
        // A TCP socket inherits this option from its listener, a Unix socket does not.
        if case .unix = client { StreamSocket.receiveUrgentInLine(socket.number) }
        let connection = Connection(
            number: server.connections.takeNumber(),
            descriptor: socket,
            client: client,
            key: key,
            listenerName: address.name,
            header: makeSession.proxyProtocol.isExpected ? ProxyHeader() : nil,
            session: makeSession(),
            server: server
        )
        server.connections.add(connection)
        if !makeSession.proxyProtocol.isExpected {
            server.log.connected(connection.number, client, listener: address.name)
        }
        connection.start()
        if server.connections.isDraining { server.control.async { self.server.drain([connection]) } }
    }
}
