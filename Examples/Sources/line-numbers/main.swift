// line-numbers ADDRESS [BALANCERS]: sends each line back with its number. Connections and their numbers survive a restart.
// With a network of load balancers, such as 10.0.0.0/8, every connection must begin with a PROXY header.
import Dispatch
import DispatchServer
import Glibc
import Logging
import Sockets
import Synchronization
import Systemd

struct LineNumbers: Session {
    private var count: UInt64 = 0

    init(options: NoOptions) {}

    mutating func receive(_ buffer: UnsafeMutableRawBufferPointer, _: CallContext<NoOptions>) -> SessionStep {
        let end = buffer.lastIndex(of: 10).map { $0 + 1 } ?? 0
        let lines = buffer[..<end].split(separator: 10, omittingEmptySubsequences: false).dropLast()
        var answers: [UInt8] = []
        for line in lines {
            count &+= 1
            answers += Array("\(count) ".utf8) + line + [10]
        }
        let ending: SessionStep.Ending? = buffer.count - end > 65_536 ? .refused("a line is too long") : nil
        return SessionStep(consumed: end, output: answers, requests: lines.count, ending: ending)
    }

    mutating func receiveEndOfFile(_ buffer: UnsafeMutableRawBufferPointer, _: CallContext<NoOptions>)
        -> SessionStep
    {
        SessionStep(consumed: buffer.count, output: [], requests: 0, ending: .finished)
    }

    /// The state for the next process. The server itself hands over the bytes of an incomplete line.
    var handOverState: [UInt8]? { Array("v1 \(count)".utf8) }

    /// The other process may be another release, so check what it has written.
    init?(handedOver state: [UInt8]) {
        let words = String(decoding: state, as: UTF8.self).split(separator: " ")
        guard words.count == 2, words[0] == "v1", let count = UInt64(words[1]) else { return nil }
        self.count = count
    }
}

func configuration() throws -> Server<LineNumbers>.Configuration {
    let arguments = CommandLine.arguments
    let endpoint = try Endpoint(parsing: arguments.count > 1 ? arguments[1] : "", defaultPort: 7_000)
    var configuration = Server<LineNumbers>.Configuration(endpoints: [endpoint])
    configuration.limits.maximumConnections = 1_000
    configuration.limits.maximumConnectionsPerClient = .chosen(100)  // of one address
    configuration.limits.maximumBufferedBytes = .chosen(64 << 20)  // of all clients together
    configuration.limits.idleTimeout = .seconds(60)
    if arguments.count > 2 {
        let balancers = ProxyProtocol(isExpected: true, trusted: [try Network(parsing: arguments[2])])
        configuration.listeners[0].proxyProtocol = balancers
        configuration.proxyProtocol = balancers  // for sockets from systemd
    }
    return configuration
}

let connectionsName = "connections"
SignalHandlers.block([SIGTERM])  // Before there are other threads.
let handedIn = ActivationSockets.take(storedUnder: { $0 == connectionsName || StoredListener.isName($0) })
let log = SystemLog(identifier: "line-numbers")
let logger = Logger(label: "line-numbers", factory: log.makeHandler)
let notifier = Notifier(onFailure: { logger.warning("\($0)") })
let store = DescriptorStore(notifier)
let isStopping = Atomic(false)
do {
    let server = try Server<LineNumbers>(
        try configuration(),
        label: "line-numbers",
        logger: logger,
        listenerStore: ListenerStore(store: { store.store($0, as: $1) }, remove: { store.remove($0) }),
        metrics: MetricsPublisher(MetricsTerms().metrics)
    )
    let signals = try SignalHandlers([SIGTERM: { stop(server) }])
    let connections = handedIn.stored.filter { $0.name == connectionsName }
    let listeners = handedIn.stored.filter { $0.name != connectionsName }
    // Before `start`, because these connections have their slots already.
    server.takeOver(from: connections.map(\.descriptor)) { report in
        store.remove(connectionsName)
        logger.notice("connections taken over: \(report.taken), ended: \(report.ended) \(report.reasons)")
    }
    server.start(
        adopting: handedIn.listeners.map(\.descriptor),
        continuing: listeners.map { StoredListener(descriptor: $0.descriptor, name: $0.name) }
    ) { error in
        if let error { leave(error) }
        logger.notice("listening on \(server.addresses.joined(separator: ", "))")
        notifier.ready()
    }
    withExtendedLifetime(signals) { dispatchMain() }
} catch { leave(error) }

/// Both a restart and a stop begin with SIGTERM. Without an answer of systemd, assume a restart.
@Sendable func stop(_ server: Server<LineNumbers>) {
    guard !isStopping.exchange(true, ordering: .relaxed) else { return }
    notifier.stopping()
    ServiceJob.ofThisProcess(timeout: .milliseconds(500), on: .main) { job in
        switch job {
        case nil, .restart: handOver(server)
        case .other, .nothing: server.drain { _ in leave() }
        }
    }
}

@Sendable func handOver(_ server: Server<LineNumbers>) {
    server.handOver { handOver in
        guard let handOver else { return server.drain { _ in leave() } }
        store.store(handOver.descriptor, as: connectionsName, isWatched: false)
        // systemd may ignore messages of a process that has ended, so wait until it has the descriptor.
        store.whenSettled(timeout: .seconds(5)) { _ in
            if handOver.isKept() { leave() }
            server.takeBack(handOver)
            server.drain { _ in leave() }
        }
    }
}

func leave(_ error: (any Error)? = nil) -> Never {
    if let error { logger.critical("\(error)") }
    _ = (notifier.flush(deadline: .now() + 1), log.flush(deadline: .now() + 1))
    exit(error == nil || error is StoppingError ? 0 : 1)
}
