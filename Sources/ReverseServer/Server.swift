import CEpollGuard
import Dispatch
import Logging
import ReverseCore
import Sockets
import Synchronization

/// The reversal server: opens, serves, reloads, drains.
///
/// Its methods may be called from any thread, one at a time; those that resolve names block, so call them from a
/// control queue and never from the clients' queue.
public final class Server: Sendable {
    private struct State {
        var listeners: [Listener] = []
        var isDraining = false
        var cutOff = 0
    }

    /// The concurrent queue that serves every client. A watchdog sends its probe through it.
    public let clientQueue: DispatchQueue

    private let logger: Logger
    private let controlQueue = DispatchQueue(label: "reversed.control")
    private let policy: Policy
    private let registry: Registry
    private let surroundings: Readiness.Surroundings
    private let state = Mutex(State())

    /// Makes a server that does not listen yet.
    ///
    /// - Parameters:
    ///   - configuration: Its limits hold at once; `open` takes its listeners.
    ///   - logger: Gets records from the clients' queue, so its handler must not block.
    ///   - usesHotSet: Whether busy connections are served by the hot set, or always by their own read source.
    public init(_ configuration: Configuration, logger: Logger, usesHotSet: Bool = true) {
        self.logger = logger
        clientQueue = DispatchQueue(label: "reversed.clients", attributes: .concurrent)
        policy = Policy(configuration)
        registry = Registry(
            capacity: configuration.limits.maximumConnections,
            policy: policy,
            log: ConnectionLog(logger: logger, policy: policy),
            queue: controlQueue
        )
        let scratch = ScratchPool()
        surroundings = Readiness.Surroundings(
            queue: clientQueue,
            scratch: scratch,
            hotSet: usesHotSet ? HotSet(queue: clientQueue, scratch: scratch) : nil
        )
    }

    /// Where the server listens, as the log names it: `127.0.0.1:5000`.
    public var places: [String] { state.withLock { $0.listeners.map(\.place.name) } }

    /// What the server has done since it started.
    public var statistics: Statistics {
        var statistics = Statistics()
        statistics.connections = registry.count
        statistics.accepted = registry.counters.accepted.load(ordering: .relaxed)
        statistics.requests = registry.counters.requests.load(ordering: .relaxed)
        statistics.bytes = registry.counters.bytes.load(ordering: .relaxed)
        return statistics
    }

    // MARK: - Listening

    /// Opens every listener of the configuration; none accepts before `start`.
    ///
    /// - Throws: `ListenError` naming every place that could not be opened, and then none is.
    public func open(_ configuration: Configuration) throws {
        try replaceListeners(configuration, isServing: false)
    }

    /// Takes over listening sockets that were handed in, in place of those of the configuration.
    ///
    /// A socket with the port or the path of a configured listener is served in its manner, any other in the
    /// configuration's own.
    ///
    /// - Parameter descriptors: Listening stream sockets, owned by the server from now on.
    /// - Throws: `SystemError` for a descriptor that is none.
    public func adopt(_ descriptors: [Int32], _ configuration: Configuration) throws {
        for number in descriptors {
            let socket = try ListeningSocket(adopting: Descriptor(owning: number))
            let manner = configuration.manner(at: socket.place.address)
            let listener = makeListener(socket, manner: manner)
            state.withLock { $0.listeners.append(listener) }
        }
    }

    /// Begins to accept.
    public func start() {
        for listener in state.withLock({ $0.listeners }) { listener.start() }
        // This timer fires through epoll_wait, so by then the guard has been called, if it is there.
        controlQueue.asyncAfter(deadline: .now() + 1) { [logger] in
            guard epoll_guard_calls() == 0 else { return }
            logger.critical(
                "CEpollGuard is not linked in: a client's RST can crash this server; see epoll_guard.c"
            )
        }
    }

    /// Makes a new configuration hold: new listeners are open before old ones close, connections stay, new limits
    /// hold at once. Sockets that were handed in stay.
    ///
    /// - Throws: `ListenError`, and then nothing has changed.
    public func reload(_ configuration: Configuration) throws {
        let handedIn = state.withLock { $0.listeners.filter { !$0.place.isOurs } }
        if handedIn.isEmpty {
            try replaceListeners(configuration, isServing: true)
        } else {
            for listener in handedIn { listener.manner = configuration.manner(at: listener.place.address) }
        }
        policy.apply(configuration)
        registry.setCapacity(configuration.limits.maximumConnections)
    }

    /// - Parameter isServing: Whether the listeners that are new accept at once, before the old ones are retired.
    private func replaceListeners(_ configuration: Configuration, isServing: Bool) throws {
        let current = state.withLock { $0.listeners }
        let plans = try resolve(configuration.listeners)
        // One for one: with port 0 several listeners may ask for the same place, each in its own manner.
        var unclaimed = current.filter { $0.place.file?.isOurs ?? true }
        let claims = plans.map { plan in
            plan.requests.compactMap { request in
                unclaimed.firstIndex { $0.place.request == request }.map { unclaimed.remove(at: $0) }
            }
        }
        let staying = claims.flatMap { $0 }
        let leaving = current.filter { listener in !staying.contains { $0 === listener } }

        // 127.0.0.1:5000 may become 0.0.0.0:5000: what is about to leave lets the new one overlap it.
        for listener in leaving { try? StreamSocket.allowOverlap(true, on: listener.descriptor) }
        let lock = DirectoryLock(of: plans.flatMap(\.socketPaths))
        defer { lock.release() }
        var opened: [Listener] = []
        var reasons: [String] = []
        for (plan, claimed) in zip(plans, claims) {
            let isOpen = { request in claimed.contains { $0.place.request == request } }
            do {
                try plan.open(unless: isOpen, overlappingOurOwn: !leaving.isEmpty) { socket in
                    opened.append(makeListener(socket, manner: plan.manner))
                }
            } catch {
                reasons.append("\(error)")
            }
        }
        guard reasons.isEmpty else {
            for listener in opened { listener.close() }
            for listener in leaving { try? StreamSocket.allowOverlap(false, on: listener.descriptor) }
            throw ListenError(reasons: reasons)
        }

        for (plan, claimed) in zip(plans, claims) {
            for listener in claimed {
                listener.manner = plan.manner
                do { try listener.place.file?.permit(plan.mode) } catch { logger.warning("\(error)") }
            }
        }
        state.withLock { $0.listeners = staying + opened }
        if isServing { for listener in opened { listener.start() } }
        for listener in leaving { listener.retire() }
        controlQueue.asyncAfter(deadline: .now() + Listener.handshakeTime) {
            for listener in leaving { listener.close() }
        }
    }

    private func resolve(_ listeners: [Configuration.Listener]) throws -> [ListenerPlan] {
        var plans: [ListenerPlan] = []
        var reasons: [String] = []
        for listener in listeners {
            do { plans.append(try ListenerPlan(resolving: listener)) } catch { reasons.append("\(error)") }
        }
        guard reasons.isEmpty else { throw ListenError(reasons: reasons) }
        return plans
    }

    private func makeListener(_ socket: consuming ListeningSocket, manner: Listener.Manner) -> Listener {
        Listener(socket, manner: manner, surroundings: surroundings, registry: registry, logger: logger)
    }

    // MARK: - Stopping

    /// Stops: no new client is accepted, every complete line that has arrived is answered, and what is not over by the
    /// `timeout` is cut off.
    ///
    /// - Parameter completion: Called once, on a queue of the server's, with the number of conversations cut off.
    public func drain(timeout: Duration, completion: @escaping @Sendable (_ cutOff: Int) -> Void) {
        let listeners = state.withLock { state -> [Listener]? in
            guard !state.isDraining else { return nil }
            state.isDraining = true
            defer { state.listeners = [] }
            return state.listeners
        }
        guard let listeners else { return }
        for listener in listeners { if listener.place.isOurs { listener.retire() } else { listener.close() } }
        registry.drain()
        controlQueue.asyncAfter(deadline: .now() + Listener.handshakeTime) { [self] in
            for listener in listeners { listener.close() }
            registry.whenEmpty { [self] in
                controlQueue.async { completion(self.state.withLock { $0.cutOff }) }
            }
        }
        // The listeners are closed first, however short the timeout is.
        let end = DispatchTime.now() + .milliseconds(Int(clamping: timeout.milliseconds))
        controlQueue.asyncAfter(deadline: max(end, .now() + .milliseconds(100))) { [self] in
            let cutOff = registry.abortAll()
            state.withLock { $0.cutOff = cutOff }
        }
    }
}

extension Configuration {
    /// How clients of a socket that was handed in are served.
    fileprivate func manner(at address: SocketAddress) -> ReverseServer.Listener.Manner {
        let match = listeners.first { listener in
            switch (listener.endpoint, address) {
            case (.internet(_, let port), .ipv4), (.internet(_, let port), .ipv6): port == address.port
            case (.unix(let path), .unix(let bound)): path == bound
            default: false
            }
        }
        return ReverseServer.Listener.Manner(framing: match?.framing ?? framing, unit: match?.unit ?? unit)
    }
}
