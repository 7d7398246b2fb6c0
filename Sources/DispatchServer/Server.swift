import Dispatch
import Logging
import Sockets
import Synchronization

/// A server of stream sockets on libdispatch: opens, serves, reloads, drains.
///
/// Every method returns at once and may be called from any thread; completions are called on a queue of the server. Names are
/// resolved on a separate queue, so a resolver that does not answer delays neither a stop nor a client.
public final class Server<S: Session>: Sendable {
    /// The configuration of a server with these sessions.
    public typealias Configuration = ServerConfiguration<S.Options, S.Limits>
    /// Called with nil once the server listens, or with the reason why nothing has changed.
    public typealias Completion = @Sendable ((any Error)?) -> Void

    private struct State {
        var configuration: Configuration
        var isDraining = false
        var isHandingOver = false
        var cutOff = 0
        /// How many descriptors were open before the server opened any, plus those that the program may open.
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

    /// Makes a server that does not listen yet, and checks that it can work in this process. The check takes less than a
    /// millisecond, or up to ten seconds if libdispatch delivers no events.
    ///
    /// - Parameters:
    ///   - configuration: Where to listen, and the limits; ``reload(_:_:)`` replaces it.
    ///   - label: The prefix of its queues' labels.
    ///   - logger: Called on the threads that serve clients, so its handler must not block.
    ///   - logTerms: The words and message ids of its records that depend on what it serves.
    ///   - onLoss: Called when the last listening socket is dead: another process has shut down its duplicate, or an
    ///     administrator has destroyed the socket. The log has the reason.
    ///   - listenerStore: Keeps the listening sockets for the next process; nil for none.
    ///   - usesHotLoops: Whether busy connections are lent to hot loops. Otherwise their read sources always serve them.
    ///   - metrics: Gets the server's statistics once a second. A backend that is scraped calls ``publishMetrics()`` before it
    ///     answers, for exact values.
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
        // Before any descriptor is opened: with a full table libdispatch would trap before the error is reported.
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

    /// Where the server listens, as in the log: `127.0.0.1:5000`.
    public var addresses: [String] { listeners.addresses }

    /// What the server has done since it was made.
    public var statistics: Statistics { Statistics(core, kinds: S.requestKinds) }

    /// Sends the current values to the metrics backend.
    public func publishMetrics() { metrics?.publish(statistics) }

    /// A number that grows while a drain makes progress: requests answered plus connections ended.
    public var drainProgress: UInt64 { core.workers.totals.requests &+ core.connections.ended }

    /// Calls `body` once everything that serves clients has responded: the queue of the read sources, and each hot loop that has
    /// connections. A watchdog uses it to prove that clients are served.
    public func probe(_ body: @escaping @Sendable () -> Void) {
        core.queue.async { [core] in core.loops.probe(body) }
    }

    // MARK: - Listening

    /// Opens every listener of the configuration and begins to accept.
    ///
    /// - Parameters:
    ///   - stored: Listening sockets that the previous process has stored. Those that the configuration contains stay open
    ///     without a gap; the others are closed as in a reload.
    ///   - completion: Called with nil, or with a `ListenError` that names every address that could not be opened. Then no
    ///     address is open.
    public func start(continuing stored: [StoredListener] = [], _ completion: @escaping Completion) {
        adoptStored(stored)
        resolve(state.withLock { $0.configuration.listeners }, completion) { [self] plans in
            try listeners.replace(with: plans)
            startSweeping()
            if metrics != nil { startPublishing() }
        }
    }

    /// Adopts listening sockets that were handed in, instead of opening those of the configuration, and begins to accept.
    ///
    /// A socket with the port or the path of a configured listener gets its options, any other the options of the
    /// configuration.
    ///
    /// - Parameters:
    ///   - descriptors: Listening stream sockets, owned by the server from now on. If there are none, the listeners of the
    ///     configuration are opened.
    ///   - stored: Listening sockets that the previous process has stored. If there are `descriptors`, all of them are closed as in
    ///     a reload.
    ///   - completion: Called with nil, or with a `SystemError` for a descriptor that cannot be used.
    public func start(
        adopting descriptors: [Int32],
        continuing stored: [StoredListener] = [],
        _ completion: @escaping Completion
    ) {
        guard !descriptors.isEmpty else { return start(continuing: stored, completion) }
        adoptStored(stored)
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

    private func adoptStored(_ stored: [StoredListener]) {
        guard !stored.isEmpty else { return }
        core.control.async { [self] in
            // A socket that the configuration does not contain uses the general options while it leaves.
            let (options, proxyProtocol) = state.withLock {
                ($0.configuration.options, $0.configuration.proxyProtocol)
            }
            listeners.adoptStored(stored, sessions: sessionMaker(options, proxyProtocol))
        }
    }

    /// Applies a new configuration, in the order of the calls: new listeners open before old ones close, connections stay, new
    /// limits hold at once. Sockets that were handed in stay.
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

    /// How to make sessions on a socket that was handed in: with the options of the listener that has its port or path.
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

    /// Raises the limit on open files as the configuration needs it. The number of slots does not change.
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
        // Times 4: a name may have an IPv4 and an IPv6 address, and during a reload the old listeners are still open.
        let outcome = DescriptorLimit.raise(
            forConnections: wanted,
            listeners: 4 * configuration.listeners.count,
            open: open
        )
        if let outcome { return outcome }
        throw SetupError(
            description:
                "the limit on open files is too low to serve a client; raise LimitNOFILE= or ulimit -n"
        )
    }

    /// Raises the limit on open files for this many connections. Returns how many fit.
    func makeDescriptors(forConnections wanted: Int) -> Int {
        let (configuration, open) = state.withLock { ($0.configuration, $0.openAtStart) }
        let outcome = DescriptorLimit.raise(
            forConnections: max(wanted, configuration.limits.maximumConnections),
            listeners: 4 * configuration.listeners.count,
            open: open
        )
        return outcome?.maximumConnections ?? 0
    }

    /// Adds slots for the clients in the backlogs of a stopping server, as far as the descriptor limit allows. With all slots in
    /// use they would wait until other connections have lingered, and be cut off in the end.
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

    /// Publishes once a second, for backends that push their values.
    private func startPublishing() {
        publishMetrics()
        core.later(1000) { [weak self] in self?.startPublishing() }
    }

    private func startSweeping() {
        core.later(core.connections.count == 0 ? 500 : core.sweepInterval) { [weak self] in
            guard let self else { return }
            core.sweep()
            core.putBack(listeners.giveUp(core.endUnwatched()))
            startSweeping()
        }
    }

    /// Makes the sessions of connections that were handed over.
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

    /// Stops: no new client is accepted, every complete request that has arrived is answered, and connections that are still open
    /// after the drain timeout are cut off. A blocked handler cannot delay the end.
    ///
    /// - Parameter completion: Called once, with the number of connections cut off.
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
            // Handshakes complete even if the timeout is shorter.
            let timeout = core.currentLimits.drainTimeout.milliseconds
            core.later(max(timeout, 2 * Listener.handshakeTime)) { [self] in
                listeners.close()
                let cutOff = core.abort()
                state.withLock { $0.cutOff = cutOff }
                // Once more, for connections that were being served. Blocked ones are left open.
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
