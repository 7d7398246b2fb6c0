import Dispatch
import Glibc
import Logging
import Systemd

/// A daemon on libdispatch that greets each client with one line.
@main struct Main {
    static func main() {
        // This must come first, before there are other threads and before the process opens descriptors.
        let handedIn = ActivationSockets.take()
        // The journal, or plain lines on standard error.
        let log = SystemLog(identifier: "greeter")
        let logger = Logger(label: "greeter", factory: log.makeHandler)
        let notifier = Notifier(onFailure: { logger.warning("\($0)") })
        let directories = ServiceDirectories()
        for warning in handedIn.warnings + directories.warnings { logger.warning("\(warning)") }
        logger.info(
            "may write below \(directories.state + directories.cache)",
            metadata: ["state": "\(directories.state)", "runtime": "\(directories.runtime)"]
        )
        for number in [SIGHUP, SIGTERM, SIGPIPE] { signal(number, SIG_IGN) }

        let greeter: Greeter
        let listeners: [any DispatchSourceRead]
        do {
            greeter = try Greeter(logger: logger)
            listeners = try greeter.listen(on: handedIn.listeners)
        } catch {
            logger.critical("cannot serve", error: error)
            leave(EXIT_FAILURE)
        }

        let reload = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .main)
        reload.setEventHandler {
            // READY=1 ends the reload, also after an error.
            try? notifier.reloading {
                try greeter.reload()
                return greeter.status
            }
        }
        reload.resume()
        let stop = DispatchSource.makeSignalSource(signal: SIGTERM, queue: .main)
        stop.setEventHandler {
            notifier.stopping()
            leave(EXIT_SUCCESS)
        }
        stop.resume()

        notifier.ready(status: greeter.status)  // only now: every listener listens
        // Each ping passes through the queue that serves clients: a stuck service is restarted, a busy one is not.
        let watchdog = WatchdogRequest().period.map {
            Watchdog(period: $0, through: greeter.queue, notifier: notifier)
        }
        watchdog?.start()
        withExtendedLifetime((listeners, reload, stop, watchdog)) { dispatchMain() }

        /// Sends the last messages, then ends the process.
        func leave(_ status: Int32) -> Never {
            notifier.flush(deadline: .now() + 1)
            log.flushBeforeEarlyExit(deadline: .now() + 1)
            exit(status)
        }
    }
}
