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

    struct State {
        var configuration: Configuration
        var isDraining = false
        var isHandingOver = false
        /// How many connections the end of the drain cut off.
        var cutOff = 0
    }

    let core: ServerCore
    let listeners: Listeners
    let resolver: DispatchQueue
    let sessionLimits: CurrentValue<S.Limits>
    let makeSession: @Sendable (S.Options) -> RunningSession
    let restoreSession: SessionRestorer
    /// How many descriptors were open before the server opened any, plus those that the program may open.
    let openAtStart: Int
    let state: Mutex<State>
    private let metrics: MetricsPublisher<Statistics>?

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
        let sessionLimits = CurrentValue(configuration.sessionLimits)
        try self.init(
            configuration,
            label,
            logger,
            logTerms,
            listenerStore,
            usesHotLoops,
            metrics,
            otherDescriptors,
            onLoss,
            sessionLimits,
            makeSession: { options in Self.run(S(options: options), sessionLimits) },
            restoreSession: { state in S(handedOver: state).map { Self.run($0, sessionLimits) } }
        )
    }

    @inlinable
    static func run(_ session: S, _ currentLimits: CurrentValue<S.Limits>) -> RunningSession {
        var session = session
        var limits = currentLimits.copy()
        return unsafe RunningSession { buffer, call, tally in
            switch call {
            case .receive: unsafe session.receive(buffer, S.Context(limits: limits.refreshed(), tally: tally))
            case .receiveEndOfFile:
                unsafe session.receiveEndOfFile(buffer, S.Context(limits: limits.refreshed(), tally: tally))
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
        _ sessionLimits: CurrentValue<S.Limits>,
        makeSession: @escaping @Sendable (S.Options) -> RunningSession,
        restoreSession: @escaping SessionRestorer
    ) throws {
        openAtStart = DescriptorLimit.countOpen() + otherDescriptors
        // Before any descriptor is opened: with a full table libdispatch would trap before the error is reported.
        _ = try Self.raiseDescriptorLimit(for: configuration, clients: 1, open: openAtStart)
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
        self.sessionLimits = sessionLimits
        self.makeSession = makeSession
        self.restoreSession = restoreSession
        state = Mutex(State(configuration: configuration))
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

    // MARK: - Timers

    /// Starts what is done at intervals while the server runs.
    func startTimers() {
        sweepLater()
        if metrics != nil { publishRepeatedly() }
    }

    private func sweepLater() {
        core.later(core.sweepInterval) { [weak self] in
            guard let self else { return }
            core.sweep()
            core.putBack(listeners.giveUp(core.endUnwatched()))
            sweepLater()
        }
    }

    /// Publishes once a second, for backends that push their values.
    private func publishRepeatedly() {
        publishMetrics()
        core.later(1000) { [weak self] in self?.publishRepeatedly() }
    }
}
