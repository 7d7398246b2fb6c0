import ArgumentParser
import Dispatch
import Glibc
import Logging
import ReverseServer
import Settings
import Systemd

/// The running daemon: wires the server to its settings, its signals and the service manager.
///
/// Unchecked because of the mutable state; safe because that is touched on `queue` only, but for `run`, which is over
/// before anything is on it.
final class Daemon: @unchecked Sendable {
    private let source: SettingsSource
    private let usesHotSet: Bool
    private let queue = DispatchQueue(label: "reversed.daemon")
    private let notifier: Notifier
    private let log: SystemLog
    private let logger: Logger

    private var settings = Settings()
    private var server: Server?
    private var watchdog: Watchdog?
    private var signals: StopSignals?
    private var ticks: (any DispatchSourceTimer)?
    private var statusLine = StatusLine()
    private var isDraining = false
    private var drained = Statistics()

    init(source: SettingsSource, usesHotSet: Bool) {
        self.source = source
        self.usesHotSet = usesHotSet
        let log = SystemLog(identifier: "reversed")
        self.log = log
        let logger = Logger(label: "reversed", factory: log.makeHandler)
        self.logger = logger
        notifier = Notifier(onFailure: { logger.warning("\($0)") })
    }

    /// Starts, and returns only when the start fails.
    ///
    /// - Throws: `ExitCode`; the reason is in the log by then.
    func run() throws -> Never {
        let handedIn = ActivationSockets.take()
        let watchdogRequest = WatchdogRequest()
        do { settings = try source.load() } catch {
            for mistake in error.mistakes { logger.critical("\(mistake)") }
            throw leave(ExitStatus.wrongConfiguration)
        }
        log.level = settings.log.level
        for warning in [notifier.warning, watchdogRequest.warning].compactMap({ $0 }) + handedIn.warnings {
            logger.warning("\(warning)")
        }

        let configuration = makeRoom(for: Configuration(settings))
        let server = Server(configuration, logger: logger, usesHotSet: usesHotSet)
        self.server = server
        do {
            if handedIn.listeners.isEmpty {
                try server.open(configuration)
            } else {
                try server.adopt(handedIn.listeners.map(\.descriptor), configuration)
                logger.notice(
                    """
                    sockets were handed in by systemd (\(handedIn.listeners.map(\.name).joined(separator: ", "))): \
                    host, port and path of the configuration are not used
                    """
                )
            }
        } catch {
            for reason in (error as? ListenError)?.reasons ?? ["\(error)"] { logger.critical("\(reason)") }
            throw leave(ExitStatus.cannotListen)
        }
        server.start()

        signals = StopSignals(
            queue: queue,
            stop: { [unowned self] in stop() },
            reload: { [unowned self] in reload() }
        )
        queue.async { [self] in isReady(server, watchdogRequest.period) }
        dispatchMain()
    }

    private func isReady(_ server: Server, _ watchdogPeriod: Duration?) {
        for place in server.places {
            logger.notice(
                "listening on \(place)",
                metadata: ["listener": "\(place)", "message-id": "\(MessageID.started)"]
            )
        }
        notifier.ready(status: statusLine.serving(server.places, server.statistics, seconds: 0))
        guard notifier.isActive else { return }
        if let watchdogPeriod {
            watchdog = Watchdog(period: watchdogPeriod, through: server.clientQueue, notifier: notifier)
            watchdog?.start()
        }
        let ticks = DispatchSource.makeTimerSource(queue: queue)
        ticks.schedule(deadline: .now() + 1, repeating: 1)
        ticks.setEventHandler { [unowned self] in tick() }
        ticks.activate()
        self.ticks = ticks
    }

    /// Once a second under systemd.
    private func tick() {
        guard let server else { return }
        if isDraining {
            let now = server.statistics
            notifier.status(StatusLine.draining(now.connections))
            // More time only while it is of use; drain_timeout is the end in any case.
            if now != drained { notifier.extendTimeout(by: .seconds(5)) }
            drained = now
        } else {
            notifier.status(statusLine.serving(server.places, server.statistics, seconds: 1))
        }
    }

    // MARK: - Reload

    private func reload() {
        guard let server, !isDraining else { return }
        try? notifier.reloading { () throws(ReloadError) -> String? in
            do {
                let new = try source.load()
                try server.reload(makeRoom(for: Configuration(new)))
                settings = new
                log.level = new.log.level
            } catch {
                let error = ReloadError(error)
                for reason in error.reasons {
                    logger.error(
                        "reload failed, nothing has changed: \(reason)",
                        metadata: ["message-id": "\(MessageID.reloadFailed)"]
                    )
                }
                throw error
            }
            logger.notice(
                "reloaded, listening on \(server.places.joined(separator: ", "))",
                metadata: ["message-id": "\(MessageID.reloaded)"]
            )
            return statusLine.serving(server.places, server.statistics, seconds: 0)
        }
    }

    // MARK: - Stop

    private func stop() {
        guard let server else { return }
        guard !isDraining else {
            logger.notice("told to stop again: not waiting any longer")
            quit()
        }
        isDraining = true
        let count = server.statistics.connections
        notifier.stopping(status: StatusLine.draining(count))
        logger.notice(
            "stopping, \(StatusLine.connections(count)) to answer",
            metadata: ["message-id": "\(MessageID.stopping)"]
        )
        server.drain(timeout: settings.limits.drainTimeout) { [self] cutOff in
            queue.async { [self] in
                if cutOff > 0 {
                    logger.warning("drain_timeout is over: \(StatusLine.connections(cutOff)) cut off")
                }
                logger.notice("stopped after \(server.statistics.requests) lines")
                quit()
            }
        }
    }

    private func quit() -> Never {
        watchdog?.stop()
        _ = notifier.flush(deadline: .now() + 1)
        _ = log.flush(deadline: .now() + 1)
        exit(0)
    }

    private func leave(_ code: ExitCode) -> ExitCode {
        _ = log.flush(deadline: .now() + 1)
        return code
    }

    /// Raises the descriptor limit for the configuration, or lowers the configuration to it.
    private func makeRoom(for configuration: Configuration) -> Configuration {
        let asked = configuration.limits.maximumConnections
        // A name may have an IPv4 and an IPv6 address, and while it reloads the old listeners are still there.
        let outcome = DescriptorLimit.makeRoom(
            forConnections: asked,
            listeners: 4 * configuration.listeners.count
        )
        guard outcome.maximumConnections < asked else { return configuration }
        logger.warning(
            """
            limits.max_connections is \(asked), but only \(outcome.maximumConnections) clients fit the limit of \
            \(outcome.descriptors) open files: that many are served at once; raise LimitNOFILE= or ulimit -n for more
            """
        )
        var configuration = configuration
        configuration.limits.maximumConnections = outcome.maximumConnections
        return configuration
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
            default: ["\(error)"]
            }
    }

    var description: String { reasons.joined(separator: "; ") }
}
