import ArgumentParser
import Dispatch
import DispatchServer
import Glibc
import Logging
import Settings
import Systemd

/// The running daemon: connects the server with the settings, the signals and the service manager.
///
/// Unchecked because of the mutable state. Safe because only `queue` uses it, except for `run`, which ends before anything is on
/// `queue`.
final class Daemon: @unchecked Sendable {
    /// The signals that it handles: stop, interrupt, reload.
    static let signals = [SIGTERM, SIGINT, SIGHUP]

    private let source: SettingsSource
    private let usesHotLoops: Bool
    private let queue = DispatchQueue(label: "reversed.daemon")
    private let notifier: Notifier
    private let store: DescriptorStore
    private let log: SystemLog
    private let logger: Logger

    private var settings = Settings()
    private var server: Server<ReversalSession>?
    private var watchdog: Watchdog?
    private var handlers: SignalHandlers?
    private var ticks: (any DispatchSourceTimer)?
    private var statusLine = StatusLine()
    /// Whether the server was told to start, and may have clients.
    private var isStarted = false
    private var isReady = false
    private var drainingSince: SuspendingClock.Instant?
    private var misdirection: String?
    private var hasSystemdSockets = false
    private let metrics: MetricsExporter
    private var reloading: Reload?
    private var mustReload = false
    private var drainProgress: UInt64 = 0
    private var untakenBeforeDrain: UInt64 = 0
    /// What `quit` exits with.
    private var exitCode = ExitCode.success

    private var isDraining: Bool { drainingSince != nil }

    init(source: SettingsSource, usesHotLoops: Bool) {
        self.source = source
        self.usesHotLoops = usesHotLoops
        let log = SystemLog(identifier: "reversed")
        self.log = log
        let logger = Logger(label: "reversed", factory: log.makeHandler)
        self.logger = logger
        notifier = Notifier(onFailure: { logger.warning("\($0)") })
        store = DescriptorStore(notifier)
        metrics = MetricsExporter(
            queue: queue,
            log: log,
            logger: logger,
            listenerStore: Inheritance.listenerStore(store, prefix: Inheritance.metricsPrefix)
        )
    }

    /// Starts, and returns only when the start fails.
    ///
    /// - Throws: `ExitCode`, after the reason was logged.
    func run() throws -> Never {
        let handedIn = ActivationSockets.take(storedUnder: Inheritance.isName)
        let watchdogRequest = WatchdogRequest()
        misdirection = handedIn.misdirection
        hasSystemdSockets = !handedIn.listeners.isEmpty
        let inheritance = Inheritance(handedIn)
        do { settings = try source.load() } catch {
            for mistake in error.mistakes { logger.critical("\(mistake)") }
            if !inheritance.connections.isEmpty { HandOverLog(logger: logger).noteLeftInStore() }
            throw leave(ExitStatus.wrongConfiguration)
        }
        log.level = settings.logLevel
        for warning in [notifier.warning, watchdogRequest.warning].compactMap({ $0 }) + handedIn.warnings {
            logger.warning("\(warning)")
        }
        do {
            let server = try Server<ReversalSession>(
                settings.server,
                label: "reversed",
                logger: logger,
                logTerms: LogTerms.daemon,
                listenerStore: Inheritance.listenerStore(store),
                usesHotLoops: usesHotLoops,
                metrics: metrics.publisher,
                otherDescriptors: MetricsExporter.descriptors(settings.metrics),
                onLoss: { [unowned self] in queue.async { [self] in listenersAreLost() } }
            )
            self.server = server
            metrics.observe(server)
            handlers = try SignalHandlers(
                on: queue,
                [
                    SIGTERM: { [unowned self] in stop() }, SIGINT: { [unowned self] in interrupt() },
                    SIGHUP: { [unowned self] in reload() },
                ]
            )
            metrics.adopt(inheritance.metricsListeners)
            metrics.apply(settings.metrics, isHandedOver: settings.server.isHandedOver) { [self] error in
                if let error { return startFailed(error) }
                start(server, handedIn, inheritance, watchdogRequest.period)
            }
        } catch {
            logger.critical("\(error)")
            throw leave(ExitStatus.systemFailed)
        }
        dispatchMain()
    }

    // MARK: - Start

    private func start(
        _ server: Server<ReversalSession>,
        _ handedIn: ActivationSockets,
        _ inheritance: Inheritance,
        _ watchdogPeriod: Duration?
    ) {
        let completion: Server<ReversalSession>.Completion = { [self] error in
            queue.async { [self] in
                guard !isDraining else { return }
                if let error { return startFailed(error) }
                started(server, watchdogPeriod)
            }
        }
        isStarted = true
        takeOver(inheritance, server)
        guard !handedIn.listeners.isEmpty else {
            return server.start(continuing: inheritance.listeners, completion)
        }
        logger.notice(
            """
            systemd passed its sockets (\(handedIn.listeners.map(\.name).joined(separator: ", "))): host, port and path of the \
            settings are not used
            """
        )
        server.start(
            adopting: handedIn.listeners.map(\.descriptor),
            continuing: inheritance.listeners,
            completion
        )
    }

    /// Continues the connections of the previous process, and removes them and foreign descriptors from the store.
    private func takeOver(_ inheritance: Inheritance, _ server: Server<ReversalSession>) {
        for name in inheritance.foreignNames { store.remove(name) }
        guard !inheritance.connections.isEmpty else { return }
        server.takeOver(from: inheritance.connections) { [self] report in
            queue.async { [self] in
                store.remove(Inheritance.connectionsName)
                HandOverLog(logger: logger).note(report)
                metrics.count(report)
            }
        }
    }

    private func startFailed(_ error: any Error) {
        for reason in ReloadError(error).reasons {
            // If systemd passed its sockets to another process, they occupy the address. Replace the advice about another program.
            let explanation = misdirection.map { "\(reason.prefix { $0 != ";" }); \($0)" } ?? reason
            logger.critical("\(explanation)")
        }
        for hint in hints { logger.critical("\(hint)") }
        end(with: ExitStatus.cannotListen)
    }

    /// The problems of the listeners in the sandbox of the service.
    private var hints: [String] {
        guard notifier.isActive, !hasSystemdSockets else { return [] }
        return StartWarnings(rights: .ofThisProcess).hints(for: settings.server.listeners)
    }

    private func warnOfHints() {
        for hint in hints { logger.warning("\(hint)") }
    }

    private func started(_ server: Server<ReversalSession>, _ watchdogPeriod: Duration?) {
        for address in server.addresses {
            logger.notice(
                "listening on \(address)",
                metadata: ["listener": "\(address)", "message-id": "\(MessageID.started)"]
            )
        }
        warnOfHints()
        isReady = true
        metrics.trouble = nil
        notifier.ready(status: statusLine.serving(server.addresses, server.statistics, at: .now))
        if notifier.isActive {
            if let watchdogPeriod {
                watchdog = Watchdog(period: watchdogPeriod, probe: { server.probe($0) }, notifier: notifier)
                watchdog?.start()
            }
            let ticks = DispatchSource.makeTimerSource(queue: queue)
            ticks.schedule(deadline: .now() + 1, repeating: 1)
            ticks.setEventHandler { [unowned self] in tick() }
            ticks.activate()
            self.ticks = ticks
        }
        if mustReload { reload() }
    }

    /// Updates the status. Called once a second under systemd.
    private func tick() {
        guard let server else { return }
        guard isDraining else {
            return notifier.status(statusLine.serving(server.addresses, server.statistics, at: .now))
        }
        notifier.status(StatusLine.draining(server.statistics.connections))
        // Ask for more time only while the drain makes progress. drain_timeout still applies.
        if server.drainProgress != drainProgress { notifier.extendTimeout(by: .seconds(5)) }
        drainProgress = server.drainProgress
    }

    // MARK: - Reload

    /// Reads the file, and reloads the server. A request during a reload is handled after it.
    private func reload() {
        guard let server, !isDraining else { return }
        guard isReady, reloading == nil else {
            mustReload = true
            return
        }
        mustReload = false
        reloading = notifier.beginReload()
        let new: Settings
        do { new = try source.load() } catch { return reloaded(nil, error) }
        let old = settings
        metrics.apply(new.metrics, isHandedOver: new.server.isHandedOver) { [self] error in
            if let error { return reloaded(nil, error) }
            server.reload(new.server) { [self] error in
                queue.async { [self] in
                    guard let error else { return reloaded(new, nil) }
                    // The reload failed: restore the export of the metrics.
                    metrics.apply(old.metrics, isHandedOver: old.server.isHandedOver) { [self] _ in
                        reloaded(nil, error)
                    }
                }
            }
        }
    }

    private func reloaded(_ new: Settings?, _ error: (any Error)?) {
        guard let server, !isDraining else { return }
        metrics.countReload(isGood: error == nil)
        if let error {
            let error = ReloadError(error)
            for reason in error.reasons {
                logger.error(
                    "reload failed, nothing has changed: \(reason)",
                    metadata: ["message-id": "\(MessageID.reloadFailed)"]
                )
            }
            statusLine.reloadEnded(failure: "\(error)")
        } else if let new {
            for change in new.changes(since: settings) { logger.notice("reload: \(change)") }
            settings = new
            log.level = new.logLevel
            let file = source.file ?? "the defaults (there is no \(Settings.defaultPath))"
            logger.notice(
                "reloaded \(file), listening on \(server.addresses.joined(separator: ", "))",
                metadata: ["message-id": "\(MessageID.reloaded)"]
            )
            statusLine.reloadEnded(failure: nil)
            warnOfHints()
        }
        reloading?.finish(status: statusLine.serving(server.addresses, server.statistics, at: .now))
        reloading = nil
        if mustReload { reload() }
    }

    // MARK: - Stop

    /// SIGTERM: a stop, or the first half of a restart. A repeated one is ignored, because timeout(1) sends two.
    private func stop(mayBeRestart: Bool = true) {
        guard let server, isStarted else { quit() }
        guard !isDraining else {
            logger.notice("already stopping; SIGINT ends it at once")
            return
        }
        drainingSince = .now
        guard mayBeRestart, notifier.isActive, settings.server.isHandedOver else { return drain(server) }
        notifier.stopping(status: StatusLine.draining(server.statistics.connections))
        ServiceJob.ofThisProcess(timeout: .milliseconds(500), on: queue) { [self] job in
            // Without an answer assume a restart: complete lines are answered in any case. If systemd is about to start the socket
            // unit, drain, because it needs the addresses.
            switch job {
            case nil, .restart(startsSocket: false, hasStore: true): handOver(server)
            case .restart(startsSocket: false, hasStore: false):
                HandOverLog(logger: logger).noteNotKept()
                drain(server)
            case .restart, .other, .nothing: drain(server)
            }
        }
    }

    private func handOver(_ server: Server<ReversalSession>) {
        let log = HandOverLog(logger: logger)
        log.noteBegin(server.statistics.connections)
        notifier.status(StatusLine.handingOver(server.statistics.connections))
        server.handOver { [self] handOver in
            queue.async { [self] in
                guard let handOver else { return drain(server) }
                store.store(handOver.descriptor, as: Inheritance.connectionsName, isWatched: false)
                store.whenSettled(timeout: .seconds(5)) { [self] _ in
                    queue.async { [self] in
                        guard handOver.isKept() else {
                            log.noteNotKept()
                            server.takeBack(handOver)
                            return drain(server)
                        }
                        log.noteEnd(handOver)
                        logger.notice("stopped after \(StatusLine.lines(server.statistics.requests))")
                        quit()
                    }
                }
            }
        }
    }

    private func drain(_ server: Server<ReversalSession>) {
        metrics.trouble = "stopping"
        let statistics = server.statistics
        let count = statistics.connections
        untakenBeforeDrain = statistics.untakenBytes
        notifier.stopping(status: StatusLine.draining(count))
        logger.notice(
            "stopping, \(StatusLine.connections(count)) to answer",
            metadata: ["message-id": "\(MessageID.stopping)"]
        )
        server.drain { [self] cutOff in
            queue.async { [self] in
                if cutOff > 0 {
                    logger.warning("drain_timeout is over: \(StatusLine.connections(cutOff)) cut off")
                }
                let statistics = server.statistics
                let untaken = statistics.untakenBytes &- untakenBeforeDrain
                let loss = untaken > 0 ? "; clients did not take \(untaken) bytes of their answers" : ""
                metrics.stop { [self] in
                    logger.notice("stopped after \(StatusLine.lines(statistics.requests))\(loss)")
                    quit()
                }
            }
        }
    }

    /// SIGINT: stops, or ends a stop in progress at once. A second signal within half a second is ignored: it is the same one, sent
    /// to the process and to its group.
    private func interrupt() {
        guard let server, let drainingSince, drainingSince.duration(to: .now) >= .milliseconds(500) else {
            return stop(mayBeRestart: false)
        }
        let count = StatusLine.connections(server.statistics.connections)
        logger.notice("interrupted while stopping: \(count) cut off")
        quit()
    }

    /// All listeners are dead. Exits, because a new process can listen again.
    private func listenersAreLost() {
        guard !isDraining else { return }
        logger.critical("no listener is left: ending, so that the service manager starts the service again")
        end(with: ExitStatus.systemFailed)
    }

    /// Ends the process after a failure. The service manager may start another one, so connections are handed over.
    private func end(with code: ExitCode) {
        guard let server, server.statistics.connections > 0 else { exit(leave(code).rawValue) }
        exitCode = code
        drainingSince = .now
        guard notifier.isActive, settings.server.isHandedOver else { return drain(server) }
        handOver(server)
    }

    private func quit() -> Never {
        watchdog?.stop()
        metrics.discardFile()
        _ = notifier.flush(deadline: .now() + 1)
        _ = log.flush(deadline: .now() + 1)
        exit(exitCode.rawValue)
    }

    private func leave(_ code: ExitCode) -> ExitCode {
        log.flushBeforeEarlyExit(deadline: .now() + 1)
        return code
    }
}

extension LogTerms {
    /// The terms of the settings file.
    fileprivate static var daemon: LogTerms {
        var terms = LogTerms()
        terms.request = "line"
        terms.limitName = Settings.name
        terms.capacityReachedID = MessageID.capReached
        return terms
    }
}

/// Why a reload changed nothing.
private struct ReloadError: Error, CustomStringConvertible {
    let reasons: [String]

    init(_ error: any Error) {
        reasons =
            switch error {
            case let error as SettingsError: error.mistakes.map(\.description)
            case let error as ListenError: error.reasons
            case let error as MetricsError: error.reasons
            default: ["\(error)"]
            }
    }

    var description: String { reasons.joined(separator: "; ") }
}
