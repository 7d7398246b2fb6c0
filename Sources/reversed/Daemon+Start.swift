import Dispatch
import DispatchServer
import Logging
import Settings
import Systemd

// The start of the service: takes over what the previous process left, listens, and reports to the service manager.

extension Daemon {
    func start(
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

    func startFailed(_ error: any Error) {
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

    func warnOfHints() {
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
}
