import Dispatch
import Logging
import Sockets
import Synchronization

/// A server of stream sockets on libdispatch: opens, serves, reloads, drains.
///
/// Every method returns at once and may be called from any thread; completions are called on a queue of the server's. Names
/// are resolved on a queue of their own, so a resolver that does not answer delays neither a stop nor a client.
public final class Server<S: Session>: Sendable {
    /// Everything that it is configured with.
    public typealias Configuration = ServerConfiguration<S.Options, S.Limits>
    /// Called with nil once the server listens, or with the reason why nothing has changed.
    public typealias Completion = @Sendable ((any Error)?) -> Void

    private struct State {
        var configuration: Configuration
        var isDraining = false
        var isHandingOver = false
        var cutOff = 0
        /// Descriptors that were open before the server opened any, and those that the program may open.
        var openAtStart = 0
    }

    let core: ServerCore
    private let metrics: MetricsPublisher<Statistics>?
    let listeners: Listeners
    private let resolver: DispatchQueue
    private let sessionLimits: CurrentValue<S.Limits>
    private let makeSession: @Sendable (S.Options, CurrentValue<S.Limits>) -> RunningSession
    private let restoreSession: @Sendable ([UInt8], CurrentValue<S.Limits>) -> RunningSession?
    private let state: Mutex<State>

    /// Makes a server that does not listen yet, and checks that it can work in this process. That takes less than a
    /// millisecond, and up to ten seconds where libdispatch delivers no events.
    ///
    /// - Parameters:
    ///   - configuration: Where to listen, and the limits; ``reload(_:_:)`` replaces it.
    ///   - label: The prefix of its queues' labels.
    ///   - logger: Gets records from the threads that serve clients, so its handler must not block.
    ///   - logTerms: The words and message ids of its records that depend on what it serves.
    ///   - onLoss: Called when the last listening socket is dead: another process that holds it has shut it down, or an
    ///     administrator has destroyed it. The log has the reason.
    ///   - listenerStore: Where the listening sockets that it opens are kept for the next process; nil for nowhere.
    ///   - usesHotLoops: Whether busy connections are lent to hot loops, or always served by their read source.
    ///   - metrics: Gets the server's statistics once a second. A backend that is asked calls ``publishMetrics()`` before it
    ///     answers, and is exact.
    ///   - otherDescriptors: How many descriptors the program may open for other purposes while the server runs.
    /// - Throws: `SetupError`.
    @inlinable
    public convenience init(
        _ configuration: Configuration,
        label: String,
        logger: Logger,
        logTerms: LogTerms = LogTerms(),
        listenerStore: ListenerStore? = nil,
        usesHotLoops: Bool = true,
        metrics: MetricsPublisher<Statistics>? = nil,
        otherDescriptors: Int = 0,
        onLoss: @escaping @Sendable () -> Void = {}
    ) throws {
        try self.init(
            configuration,
            label,
            logger,
            logTerms,
            listenerStore,
            usesHotLoops,
            metrics,
            otherDescriptors,
            onLoss
        ) {
            Self.run(S(options: $0), $1)
        } _: { state, limits in
            S(handedOver: state).map { Self.run($0, limits) }
        }
    }

    @inlinable
    static func run(_ session: S, _ currentLimits: CurrentValue<S.Limits>) -> RunningSession {
        var session = session
        var limits = currentLimits.copy()
        return { buffer, call, tally in
            switch call {
            case .receive: session.receive(buffer, limits: limits.refreshed(), tally: tally)
            case .receiveEndOfFile: session.receiveEndOfFile(buffer, limits: limits.refreshed(), tally: tally)
            case .handOver: SessionStep(consumed: 0, output: session.handOverState, requests: 0)
            }
        }
    }

    @usableFromInline
    init(
        _ configuration: Configuration,
        _ label: String,
        _ logger: Logger,
        _ logTerms: LogTerms,
        _ listenerStore: ListenerStore?,
        _ usesHotLoops: Bool,
        _ metrics: MetricsPublisher<Statistics>?,
        _ otherDescriptors: Int,
        _ onLoss: @escaping @Sendable () -> Void,
        _ makeSession: @escaping @Sendable (S.Options, CurrentValue<S.Limits>) -> RunningSession,
        _ restoreSession: @escaping @Sendable ([UInt8], CurrentValue<S.Limits>) -> RunningSession?
    ) throws {
        self.makeSession = makeSession
        self.restoreSession = restoreSession
        let openAtStart = DescriptorLimit.countOpen() + otherDescriptors
        // Before anything is opened: a full table makes libdispatch trap before the sentence is written.
        _ = try Self.slots(for: configuration, wanted: 1, open: openAtStart)
        let log = ServerLog(
            logger: logger,
            terms: logTerms,
            logsConnections: configuration.logsConnections
        )
        do {
            core = try ServerCore(
                configuration.limits,
                log: log,
                usesHotLoops: usesHotLoops,
                label: label
            )
        } catch {
            throw SetupError(description: "\(SystemError("make an event loop", code: error.code))")
        }
        try SetupCheck.run(on: core.queue)
        self.metrics = metrics
        listeners = Listeners(
            core,
            store: listenerStore,
            isStoring: configuration.isHandedOver,
            onLoss: onLoss
        )
        resolver = DispatchQueue(label: "\(label).resolver")
        sessionLimits = CurrentValue(configuration.sessionLimits)
        state = Mutex(State(configuration: configuration, openAtStart: openAtStart))
        use(try makeDescriptors(for: configuration), for: configuration)
    }

    /// Where the server listens, as the log names it: `127.0.0.1:5000`.
    public var addresses: [String] { listeners.addresses }

    /// What the server has done since it was made.
    public var statistics: Statistics { Statistics(core, kinds: S.requestKinds) }

    /// Brings the backend of the metrics up to date.
    public func publishMetrics() { metrics?.publish(statistics) }

    /// A number that grows as long as a drain has any effect: answers sent, connections ended.
    public var drainProgress: UInt64 { core.workers.totals.requests &+ core.connections.ended }

    /// Calls `body` once every thread that serves clients has come through: the queue of the read sources, and each hot loop
    /// that has connections. A watchdog proves with it that clients are served.
    public func probe(_ body: @escaping @Sendable () -> Void) {
        core.queue.async { [core] in core.loops.probe(body) }
    }

    // MARK: - Listening

    /// Opens every listener of the configuration and begins to accept.
    ///
    /// - Parameters:
    ///   - stored: Listening sockets that the process before has stored. One that the configuration asks for stays open
    ///     without a gap; any other leaves as in a reload.
    ///   - completion: Called with nil, or with a `ListenError` that names every address that could not be opened;
    ///     then none is.
    public func start(continuing stored: [StoredListener] = [], _ completion: @escaping Completion) {
        takeStored(stored)
        resolve(state.withLock { $0.configuration.listeners }, completion) { [self] plans in
            try listeners.replace(with: plans)
            startSweeping()
            if metrics != nil { startPublishing() }
        }
    }

    /// Takes over listening sockets that were handed in, in place of those of the configuration, and begins to accept.
    ///
    /// A socket with the port or the path of a configured listener has its options, any other has the options of the
    /// configuration.
    ///
    /// - Parameters:
    ///   - descriptors: Listening stream sockets, owned by the server from now on. When there are none, the listeners of
    ///     the configuration are opened.
    ///   - stored: Listening sockets that the process before has stored; with `descriptors` they all leave.
    ///   - completion: Called with nil, or with a `SystemError` for a descriptor that cannot be used.
    public func start(
        adopting descriptors: [Int32],
        continuing stored: [StoredListener] = [],
        _ completion: @escaping Completion
    ) {
        guard !descriptors.isEmpty else { return start(continuing: stored, completion) }
        takeStored(stored)
        core.control.async { [self] in
            do {
                try listeners.adopt(descriptors, sessions: sessions(of: state.withLock { $0.configuration }))
                startSweeping()
                if metrics != nil { startPublishing() }
                completion(nil)
            } catch {
                completion(error)
            }
        }
    }

    private func takeStored(_ stored: [StoredListener]) {
        guard !stored.isEmpty else { return }
        core.control.async { [self] in
            // What is not asked for has no options of its own while it leaves.
            let (options, proxyProtocol) = state.withLock {
                ($0.configuration.options, $0.configuration.proxyProtocol)
            }
            listeners.continue(stored, sessions: sessionMaker(options, proxyProtocol))
        }
    }

    /// Puts a new configuration into force, in the order of the calls: new listeners are open before old ones close, connections stay, new limits
    /// hold at once. Sockets that were handed in stay.
    ///
    /// - Parameters:
    ///   - configuration: The whole new configuration.
    ///   - completion: Called with nil, or with a `ListenError`; then nothing has changed.
    public func reload(_ configuration: Configuration, _ completion: @escaping Completion) {
        let resolved = listeners.areHandedIn ? [] : configuration.listeners
        resolve(resolved, completion) { [self] plans in
            let outcome = try makeDescriptors(for: configuration)
            if listeners.areHandedIn {
                listeners.setSessions(sessions(of: configuration))
            } else {
                try listeners.replace(with: plans)
            }
            use(outcome, for: configuration)
            state.withLock { $0.configuration = configuration }
            sessionLimits.replace(with: configuration.sessionLimits)
            core.currentLimits = configuration.limits
            core.log.setLogsConnections(configuration.logsConnections)
            listeners.setStoring(configuration.isHandedOver)
        }
    }

    /// Resolves names on the resolver's queue, then calls `apply` on the control queue.
    private func resolve(
        _ listeners: [ListenerConfiguration<S.Options>],
        _ completion: @escaping Completion,
        _ apply: @escaping @Sendable ([ListenerPlan]) throws -> Void
    ) {
        let requests = listeners.map {
            ListenerRequest(
                endpoint: $0.endpoint,
                ipv6Only: $0.ipv6Only,
                mode: $0.mode,
                makeSession: sessionMaker($0.options, $0.proxyProtocol)
            )
        }
        resolver.async { [self] in
            let plans = Result { try ListenerPlan.resolve(requests) }
            core.control.async { [self] in
                guard !state.withLock({ $0.isDraining || $0.isHandingOver }) else {
                    return completion(StoppingError())
                }
                do {
                    try apply(plans.get())
                    completion(nil)
                } catch {
                    completion(error)
                }
            }
        }
    }

    private func sessionMaker(_ options: S.Options, _ proxyProtocol: ProxyProtocol) -> SessionMaker {
        SessionMaker(proxyProtocol) { [makeSession, sessionLimits] in makeSession(options, sessionLimits) }
    }

    /// How sessions on a socket that was handed in are made: by the options of the listener with its port or path.
    private func sessions(of configuration: Configuration) -> (SocketAddress) -> SessionMaker {
        { [self] address in
            let match = configuration.listeners.first { listener in
                switch (listener.endpoint, address) {
                case (.internet(_, let port), .ipv4), (.internet(_, let port), .ipv6): port == address.port
                case (.unix(let path), .unix(let bound)): path == bound
                default: false
                }
            }
            return sessionMaker(
                match?.options ?? configuration.options,
                match?.proxyProtocol ?? configuration.proxyProtocol
            )
        }
    }

    /// Raises the limit on open files as far as the configuration needs it. Slots do not change.
    private func makeDescriptors(for configuration: Configuration) throws -> DescriptorLimit.Outcome {
        let wanted = configuration.limits.maximumConnections
        let open = state.withLock { $0.openAtStart }
        return try Self.slots(for: configuration, wanted: wanted, open: open)
    }

    /// Makes as many slots as the descriptor limit allows.
    private func use(_ outcome: DescriptorLimit.Outcome, for configuration: Configuration) {
        core.connections.setCapacity(
            outcome.maximumConnections,
            perClient: configuration.limits.connectionsPerClient
        )
        let wanted = configuration.limits.maximumConnections
        guard outcome.maximumConnections < wanted else { return }
        core.log.noteFewerSlots(outcome.maximumConnections, wanted: wanted, descriptors: outcome.descriptors)
    }

    private static func slots(
        for configuration: Configuration,
        wanted: Int,
        open: Int
    ) throws -> DescriptorLimit.Outcome {
        // A name may have an IPv4 and an IPv6 address, and while it reloads the old listeners are still there.
        let outcome = DescriptorLimit.raise(
            forConnections: wanted,
            listeners: 4 * configuration.listeners.count,
            open: open
        )
        if let outcome { return outcome }
        throw SetupError(
            description:
                "the limit on open files is too low to serve anybody; raise LimitNOFILE= or ulimit -n"
        )
    }

    /// How many connections fit the limit of open files, raised if need be, when so many are wanted.
    func fitting(_ wanted: Int) -> Int {
        let (configuration, open) = state.withLock { ($0.configuration, $0.openAtStart) }
        let outcome = DescriptorLimit.raise(
            forConnections: max(wanted, configuration.limits.maximumConnections),
            listeners: 4 * configuration.listeners.count,
            open: open
        )
        return outcome?.maximumConnections ?? 0
    }

    /// Those who wait in the backlogs of a server that stops are accepted at once, as far as the descriptor limit allows: with
    /// every slot in use each would wait for another one's linger, and be cut off in the end.
    private func makeSlotsForBacklogs() {
        let (configuration, open) = state.withLock { ($0.configuration, $0.openAtStart) }
        let waiting = Int(StreamSocket.maximumBacklog) * listeners.addresses.count
        let outcome = DescriptorLimit.raise(
            forConnections: configuration.limits.maximumConnections + waiting,
            listeners: listeners.addresses.count,
            open: open
        )
        // Without a limit per client: these clients are connected already, and a refusal would be a RST.
        if let outcome { core.connections.setCapacity(outcome.maximumConnections) }
    }

    /// For backends that send what they get.
    private func startPublishing() {
        publishMetrics()
        core.later(1000) { [weak self] in self?.startPublishing() }
    }

    private func startSweeping() {
        core.later(core.connections.count == 0 ? 500 : core.sweepInterval) { [weak self] in
            guard let self else { return }
            core.sweep()
            core.leave(listeners.giveUp(core.endUnwatched()))
            startSweeping()
        }
    }

    /// Makes the sessions of conversations that were handed over.
    var restorer: SessionRestorer {
        { [restoreSession, sessionLimits] in restoreSession($0, sessionLimits) }
    }

    // MARK: - Stopping

    /// Reserves the server for a hand-over; false when it is stopping already.
    func beginHandOver() -> Bool {
        state.withLock { state in
            guard !state.isDraining, !state.isHandingOver else { return false }
            state.isHandingOver = true
            return true
        }
    }

    func endHandOver() { state.withLock { $0.isHandingOver = false } }

    /// Stops: no new client is accepted, every complete request that has arrived is answered, and what is not over after
    /// the drain timeout is cut off. The end does not depend on any handler: one that is stuck cannot delay it.
    ///
    /// - Parameter completion: Called once, with the number of conversations cut off.
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
            core.drain()
            // The listeners get their handshakes, however short the timeout is.
            let timeout = core.currentLimits.drainTimeout.milliseconds
            core.later(max(timeout, 2 * Listener.handshakeTime)) { [self] in
                listeners.close()
                let cutOff = core.abort()
                state.withLock { $0.cutOff = cutOff }
                // Once more, for those that were just being served; what is stuck is left behind.
                core.later(100) { [core] in
                    _ = core.abort()
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
