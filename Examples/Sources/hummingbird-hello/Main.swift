import Dispatch
import Glibc
import Hummingbird
import HummingbirdCore
import Logging
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Systemd
import SystemdLifecycle
import UnixSignals

/// A Hummingbird server as a systemd service.
@main struct Main {
    static func main() async {
        let handedIn = ActivationSockets.take()  // Before there are other threads or descriptors.
        let log = SystemLog(identifier: "hummingbird-hello", showsMetadata: true)
        LoggingSystem.bootstrap(log.makeHandler)
        let logger = Logger(label: "hummingbird-hello")
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
        let responder = makeRouter(greeting, token: try Credentials().text("token")).buildResponder()
        let server: any Service =
            if sockets.isEmpty {
                Application(
                    responder: responder,
                    configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 7_008)),
                    onServerRunning: { _ in readiness.reportListening() },
                    eventLoopGroupProvider: .shared(eventLoops),
                    logger: logger
                )
            } else {
                ActivatedServer(
                    child: HTTP1Channel(responder: answer(with: responder, logger: logger)),
                    sockets: sockets,
                    eventLoops: eventLoops,
                    readiness: readiness,
                    logger: logger
                )
            }
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

    /// `GET /` returns the greeting. `GET /secret` requires the credential `token`.
    private static func makeRouter(_ greeting: Greeting, token: String?) -> Router<BasicRequestContext> {
        let router = Router()
        router.middlewares.add(LogRequestsMiddleware(.info))
        router.get("/") { _, _ in greeting.text + "\n" }
        router.get("/secret") { request, _ in
            guard let token, request.headers[.authorization] == "Bearer \(token)" else {
                throw HTTPError(.unauthorized)
            }
            return "welcome\n"
        }
        return router
    }

    /// Handles a request for ``ActivatedServer`` as `Application` does.
    private static func answer(
        with responder: some HTTPResponder<BasicRequestContext>,
        logger: Logger
    ) -> HTTPChannelHandler.Responder {
        { request, writer, channel in
            var logger = logger
            logger[metadataKey: "hb.request.id"] = .stringConvertible(RequestID())
            let context = BasicRequestContext(
                source: ApplicationRequestContextSource(channel: channel, logger: logger)
            )
            var response: Response
            do {
                response = try await responder.respond(to: request, context: context)
            } catch let error as HTTPParserError {
                throw error  // The channel answers it with 400.
            } catch {
                logger.error("no response", error: error)
                response = Response(status: .internalServerError)
            }
            response.headers[.date] = currentDate()
            try await writer.write(response: response.head, body: response.body)
        }
    }

    /// The time in the format of HTTP (RFC 9110, 5.6.7).
    private static func currentDate() -> String {
        var now = time(nil)
        var parts = tm()
        gmtime_r(&now, &parts)
        var text = [CChar](repeating: 0, count: 64)
        let count = strftime(&text, text.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
        return String(decoding: text.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
