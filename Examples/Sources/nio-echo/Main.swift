import Dispatch
import Glibc
import Logging
import NIOPosix
import ServiceLifecycle
import Systemd
import SystemdLifecycle
import UnixSignals

/// A SwiftNIO server as a systemd service.
@main struct Main {
    static func main() async {
        let handedIn = ActivationSockets.take()  // Before there are other threads or descriptors.
        let log = SystemLog(identifier: "nio-echo", showsMetadata: true)
        LoggingSystem.bootstrap(log.makeHandler)
        let logger = Logger(label: "nio-echo")
        for warning in handedIn.warnings { logger.warning("\(warning)") }
        let notifier = Notifier(onFailure: { logger.warning("\($0)") })
        do {
            try await serve(on: handedIn.listeners, notifier: notifier, logger: logger)
        } catch {
            logger.critical("cannot serve", error: error)
            leave(EXIT_FAILURE)
        }
        leave(EXIT_SUCCESS)

        func leave(_ status: Int32) -> Never {
            notifier.flush(deadline: .now() + 1)
            log.flushBeforeEarlyExit(deadline: .now() + 1)
            exit(status)
        }
    }

    private static func serve(
        on sockets: [ActivationSocket],
        notifier: Notifier,
        logger: Logger
    ) async throws {
        let greeting = try Greeting()
        let eventLoops = MultiThreadedEventLoopGroup.singleton
        let readiness = Readiness()
        let server = EchoServer(
            sockets: sockets,
            eventLoops: eventLoops,
            greeting: greeting,
            readiness: readiness,
            logger: logger
        )
        let systemd = SystemdService(
            notifier: notifier,
            readiness: readiness,
            eventLoops: eventLoops,
            status: "Greeting with \(greeting.text)"
        ) {
            try greeting.reload()
            return "Greeting with \(greeting.text)"
        }
        let group = ServiceGroup(
            services: [server, systemd],  // The last one is the first that stops: it says STOPPING=1.
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        try await group.run()
    }
}
