import Dispatch
import Glibc
import Sockets
import Synchronization

@testable import DispatchServer

/// What connections and listeners need from a server, without the server.
final class Fixture: Sendable {
    let core: ServerCore
    let records = LogRecords()

    init(usesHotLoops: Bool, capacity: Int = 10, limits: Limits = Fixture.limits()) throws {
        var limits = limits
        limits.maximumConnections = capacity
        core = try ServerCore(
            limits,
            log: ServerLog(logger: records.logger, terms: LogTerms(), logsConnections: true),
            usesHotLoops: usesHotLoops,
            label: "test"
        )
    }

    static func limits(idleTimeout: Duration? = nil) -> Limits {
        var limits = Limits()
        limits.idleTimeout = idleTimeout
        limits.firstRequestTimeout = nil
        return limits
    }

    static func sessions(
        _ options: LineSession.Options = .inPlace,
        limits: LineSession.Limits = LineSession.Limits(),
        proxyProtocol: ProxyProtocol = ProxyProtocol()
    ) -> SessionMaker {
        SessionMaker(proxyProtocol) {
            Server<LineSession>.run(LineSession(options: options), CurrentValue(limits))
        }
    }

    /// Begins to serve one end of a pair of sockets; the other is the client's.
    func connect(_ makeSession: SessionMaker = Fixture.sessions(), isStarted: Bool = true) throws -> (
        Peer, Connection
    ) {
        let (peer, other) = try Peer.pair()
        guard core.connections.acquireSlot() else { throw SystemError("take a slot", code: EAGAIN) }
        let connection = Connection(
            number: core.connections.takeNumber(),
            descriptor: Descriptor(owning: other),
            client: .unix(path: ""),
            listenerName: "test",
            header: makeSession.proxyProtocol.isExpected ? ProxyHeader() : nil,
            session: makeSession(),
            server: core
        )
        core.connections.add(connection)
        if isStarted { connection.start() }
        return (peer, connection)
    }

    /// A loop beside those of the server, so that a test can move connections there.
    func makeLoop(
        _ index: Int,
        onTick: @escaping @Sendable (HotLoop<Connection>, HotLoop<Connection>.Report) -> Void = { _, _ in }
    ) throws -> HotLoop<Connection> {
        try HotLoop(
            index: index,
            label: "test.loop.\(index)",
            withWorker: { [core] body in core.workers.withWorker(body) },
            onTick: { loop, report, _ in onTick(loop, report) },
            onFailure: { _ in }
        )
    }

    /// Repeats the drain of the connection until it has begun, as the server does.
    func drain(_ connection: Connection) {
        core.workers.withWorker { worker in
            while !connection.drain(worker, now: Clock.now()) { usleep(1000) }
        }
    }

    func tick(_ connection: Connection, _ limits: Limits, now: Milliseconds) {
        core.workers.withWorker { connection.tick(Timeouts(limits), $0, now: now) }
    }

    /// Whether every connection is over within some time, its descriptor closed and its slot free.
    func isEmptied(within seconds: Double = 20) -> Bool {
        let isEmpty = DispatchSemaphore(value: 0)
        core.connections.whenEmpty { isEmpty.signal() }
        return isEmpty.wait(timeout: .now() + seconds) == .success
    }
}

extension ConnectionState {
    mutating func tick(_ limits: Limits, untaken: () -> Int, now: Milliseconds) -> Action {
        tick(Timeouts(limits), untaken: untaken, now: now)
    }
}

/// Waits for a condition that no event reports.
func eventually(within seconds: Double = 20, _ condition: () -> Bool) -> Bool {
    let deadline = DispatchTime.now() + seconds
    while !condition() {
        if DispatchTime.now() > deadline { return false }
        usleep(2000)
    }
    return true
}

/// Runs a body on as many threads at once, and waits until all are done.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let done = DispatchGroup()
    for number in 0..<count {
        done.enter()
        Thread.start {
            body(number)
            done.leave()
        }
    }
    done.wait()
}

/// Separate threads: in libdispatch's pool, blocked ones would take the server's threads.
enum Thread {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    static func start(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(Body(body))
        let result = pthread_create(
            &thread,
            nil,
            { argument in
                if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            },
            argument.toOpaque()
        )
        if result == 0 { pthread_detach(thread) } else { argument.release() }
    }
}

extension Fixture {
    /// A listener on a free port that already accepts.
    ///
    /// - Parameter isHandedIn: Whether the socket comes from elsewhere, as from systemd.
    func listen(
        _ makeSession: SessionMaker = Fixture.sessions(),
        isHandedIn: Bool = false,
        onEnd: @escaping @Sendable (Listener) -> Void = { _ in }
    ) throws -> Listener {
        let address = SocketAddress.ipv4(SIMD4(127, 0, 0, 1), port: 0)
        let request = ListeningSocket.Request(address: address, stack: .ipv6Only)
        let socket =
            if isHandedIn {
                try ListeningSocket(adopting: StreamSocket.listen(on: address))
            } else {
                try ListeningSocket(opening: request, mode: 0, overlappingOurOwn: false, askedAs: request)
            }
        let listener = Listener(socket, makeSession: makeSession, server: core, onEnd: onEnd)
        listener.start()
        return listener
    }
}
