import ArgumentParser
import Dispatch
import DispatchServer
import Glibc
import Logging
import Settings
import Systemd

/// The running daemon: connects the server with the settings, the signals and the service manager. This file sets it up; the
/// extensions start the service (`+Start`), reload the settings (`+Reload`), and end the process (`+Stop`).
///
/// Unchecked because of the mutable state. Safe because only `queue` uses it, except for `run`, whose last step is to put the start
/// on `queue`; a signal before that finds a server that has not started, and ends the process.
final class Daemon: @unchecked Sendable {
    /// The signals that it handles: stop, interrupt, reload.
    static let signals = [SIGTERM, SIGINT, SIGHUP]

    let source: SettingsSource
    private let usesHotLoops: Bool
    let queue = DispatchQueue(label: "reversed.daemon")
    let notifier: Notifier
    let store: DescriptorStore
    let log: SystemLog
    let logger: Logger

    var settings = Settings()
    var server: Server<ReversalSession>?
    var watchdog: Watchdog?
    private var handlers: SignalHandlers?
    var ticks: (any DispatchSourceTimer)?
    var statusLine = StatusLine()
    /// Whether `server.start` was called. From then on there may be clients.
    var isStarted = false
    var isReady = false
    var drainingSince: SuspendingClock.Instant?
    var misdirection: String?
    var hasSystemdSockets = false
    let metrics: MetricsExporter
    var reloading: Reload?
    var mustReload = false
    var drainProgress: UInt64 = 0
    var untakenBeforeDrain: UInt64 = 0
    /// What `quit` exits with.
    var exitCode = ExitCode.success

    var isDraining: Bool { drainingSince != nil }

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
            // On the queue, so that a signal that arrives meanwhile is handled before or after, but not beside it.
            queue.async { [self] in
                metrics.adopt(inheritance.metricsListeners)
                metrics.apply(settings.metrics, isHandedOver: settings.server.isHandedOver) { [self] error in
                    if let error { return startFailed(error) }
                    start(server, handedIn, inheritance, watchdogRequest.period)
                }
            }
        } catch {
            logger.critical("\(error)")
            throw leave(ExitStatus.systemFailed)
        }
        dispatchMain()
    }

    /// Writes the log before the process exits with this code.
    func leave(_ code: ExitCode) -> ExitCode {
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
