// uppercase FILE: answers every line in upper case. Each line of FILE is an address to listen on.
import DispatchServer
import Foundation
import Logging
import Sockets
import Systemd

struct Uppercase: Session {
    init(options: NoOptions) {}
    func receive(_ buffer: UnsafeMutableRawBufferPointer, _: CallContext<NoOptions>) -> SessionStep {
        for index in buffer.indices where (97...122).contains(buffer[index]) { buffer[index] -= 32 }
        let end = buffer.lastIndex(of: 10).map { $0 + 1 } ?? 0
        let ending: SessionStep.Ending? = buffer.count - end > 65_536 ? .refused("a line is too long") : nil
        return SessionStep(consumed: end, requests: buffer.count { $0 == 10 }, ending: ending)
    }
    func receiveEndOfFile(_ buffer: UnsafeMutableRawBufferPointer, _: CallContext<NoOptions>) -> SessionStep {
        SessionStep(consumed: buffer.count, requests: min(buffer.count, 1), ending: .finished)
    }
}

SignalHandlers.block([SIGHUP, SIGINT, SIGTERM])  // Before there are other threads.
let handedIn = ActivationSockets.take().listeners.map(\.descriptor)
let log = SystemLog(identifier: "uppercase")
let logger = Logger(label: "uppercase", factory: log.makeHandler)
let systemd = Notifier()
do {
    let server = try Server<Uppercase>(configuration(), label: "uppercase", logger: logger)
    let pings = WatchdogRequest().period.map { Watchdog(period: $0, probe: server.probe, notifier: systemd) }
    let reload: @Sendable () -> Void = {
        let reload = systemd.beginReload()
        let done: Server<Uppercase>.Completion = { error in
            logger.notice("\(error.map { "nothing has changed: \($0)" } ?? "reloaded")")
            reload.finish()
        }
        do { server.reload(try configuration(), done) } catch { done(error) }
    }
    let stop: @Sendable () -> Void = {
        systemd.stopping()
        server.drain { _ in leave() }
    }
    let signals = try SignalHandlers([SIGHUP: reload, SIGINT: stop, SIGTERM: stop])
    server.start(adopting: handedIn) { error in
        if let error { leave(error) }
        logger.notice("listening on \(server.addresses.joined(separator: ", "))")
        systemd.ready()
        pings?.start()
    }
    withExtendedLifetime((signals, pings)) { dispatchMain() }
} catch { leave(error) }

func configuration() throws -> Server<Uppercase>.Configuration {
    let text = try String(contentsOfFile: CommandLine.arguments.last ?? "", encoding: .utf8)
    return .init(endpoints: try text.split { $0 == "\n" }.map { try .init(parsing: "\($0)", defaultPort: 0) })
}

func leave(_ error: (any Error)? = nil) -> Never {
    if let error { logger.critical("\(error)") }
    _ = (systemd.flush(deadline: .now() + 1), log.flush(deadline: .now() + 1))
    exit(error == nil || error is StoppingError ? 0 : 1)
}
