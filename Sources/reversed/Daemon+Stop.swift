import ArgumentParser
import Dispatch
import DispatchServer
import Glibc
import Logging
import Settings
import Systemd

// The end of the process: a stop, a restart, or a failure.

extension Daemon {
    /// SIGTERM: a stop, or the first half of a restart. A repeated one is ignored, because timeout(1) sends two.
    func stop(mayBeRestart: Bool = true) {
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
    func interrupt() {
        guard let server, let drainingSince, drainingSince.duration(to: .now) >= .milliseconds(500) else {
            return stop(mayBeRestart: false)
        }
        let count = StatusLine.connections(server.statistics.connections)
        logger.notice("interrupted while stopping: \(count) cut off")
        quit()
    }

    /// All listeners are dead. Exits, because a new process can listen again.
    func listenersAreLost() {
        guard !isDraining else { return }
        logger.critical("no listener is left: ending, so that the service manager starts the service again")
        end(with: ExitStatus.systemFailed)
    }

    /// Ends the process after a failure. The service manager may start another one, so connections are handed over.
    func end(with code: ExitCode) {
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
}
