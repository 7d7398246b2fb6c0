import DispatchServer
import Logging
import Sockets
import World

/// One run: a server on a machine whose weather the seed makes, clients, an operator who reloads, and a drain.
final class Scenario {
    typealias Configuration = ServerConfiguration<LineSession.Options, LineSession.Limits>

    let world: World
    var server: Server<LineSession>?
    var configuration: Configuration
    private var clients: [Client] = []
    private var peers: [Peer] = []
    private var isOver = false
    private var isStopping = false
    var locksBefore = 0
    var sourcesBefore = 0
    private let isKind: Bool
    let store: Store
    var processes = 1
    /// The process that should go on does not start, and ends in good order if it can.
    var cannotStart = false

    init(_ world: World) {
        self.world = world
        isKind = world.random.oneIn(4)
        store = Store(world)
        world.weather = Self.weather(&world.random, isKind: isKind)
        world.scheduler.preemptsOneIn = world.weather.preemptsOneIn
        world.loadOfLoops = world.random.pick([1, 4, 12, 16])
        configuration = Self.configuration(&world.random)
        world.kernel.setLimit(soft: 64, hard: world.weather.descriptorLimit)
    }

    // MARK: - Chance

    private static func weather(_ random: inout Random, isKind: Bool) -> Weather {
        var weather = Weather()
        weather.threads = random.within(1...4)
        weather.processors = random.within(1...4)
        weather.callTime = random.pick([200, 2000, 20_000, 200_000])
        weather.latency = random.pick([100_000, 5_000_000, 40_000_000])
        weather.preemptsOneIn = random.pick([0, 3, 20, 200])
        weather.descriptorLimit = random.pick([170, 400, 5000])
        weather.isPartial = random.oneIn(2)
        guard !isKind else { return weather }
        weather.failsOneIn = random.pick([0, 50, 300, 2000, 10_000])
        weather.liesOneIn = random.pick([0, 20, 200])
        weather.stallsOneIn = random.pick([0, 0, 100])
        return weather
    }

    static func configuration(_ random: inout Random) -> Configuration {
        let options = LineSession.Options(makesOutput: random.oneIn(4))
        let endpoints: [Endpoint] = [
            .internet(host: random.pick(["127.0.0.1", "0.0.0.0", "::"]), port: 5000),
            .internet(host: random.pick(["127.0.0.1", "::1"]), port: 5001),
            .internet(host: "127.0.0.1", port: 0),
            .unix(path: "/run/a"),
            .unix(path: "/run/b"),
            .internet(host: "127.0.0.1", port: ProxyHeaders.port),
            .unix(path: ProxyHeaders.path),
        ]
        var chosen = endpoints.filter { _ in random.oneIn(2) }
        if chosen.isEmpty { chosen = [endpoints[0]] }
        let ipv6Only = random.oneIn(2)
        var configuration = Configuration(
            listeners: chosen.map {
                ListenerConfiguration(
                    endpoint: $0,
                    ipv6Only: ipv6Only,
                    proxyProtocol: proxyProtocol($0),
                    options: options
                )
            },
            options: options,
            sessionLimits: .init(maximumLine: random.pick([10, 100, 5000, 70_000, 300_000]))
        )
        configuration.limits.maximumConnections = random.pick([1, 2, 5, 20, 100])
        configuration.limits.maximumConnectionsPerClient = random.pick([
            .automatic, .chosen(nil), .chosen(1), .chosen(3),
        ])
        configuration.limits.maximumBufferedBytes = random.pick([
            .automatic, .automatic, .chosen(20_000), .chosen(300_000),
        ])
        configuration.limits.idleTimeout = random.pick([
            nil, .milliseconds(50), .milliseconds(400), .seconds(5),
        ])
        configuration.limits.firstRequestTimeout = random.pick([
            nil, .milliseconds(30), .milliseconds(500), .seconds(3),
        ])
        configuration.limits.drainTimeout = random.pick([.zero, .milliseconds(50), .seconds(1), .seconds(10)])
        return configuration
    }

    private static func proxyProtocol(_ endpoint: Endpoint) -> ProxyProtocol {
        let isExpected =
            switch endpoint {
            case .internet(_, let port): port == ProxyHeaders.port
            case .unix(let path): path == ProxyHeaders.path
            }
        let trusted = isExpected ? try? Network(parsing: ProxyHeaders.trusted) : nil
        return ProxyProtocol(isExpected: isExpected, trusted: trusted.map { [$0] } ?? [])
    }

    // MARK: - The run

    /// Runs to the end, and returns the invariant that was broken.
    func run() -> Violation? {
        locksBefore = Lock.count
        sourcesBefore = ReadSource.count
        judgeBy(configuration, onlyThat: true)
        let horizon = world.now + 3_600_000_000_000
        world.scheduler.whenIdle = { [unowned self] in
            world.judge.checkWakeUps()
            if world.random.oneIn(world.weather.stallsOneIn) { stall() }
        }
        world.scheduler.spawn("operator") { [unowned self] in operate() }
        let isAlive = world.scheduler.run { [unowned self] in
            isOver || world.violation != nil || world.now > horizon || world.scheduler.steps > 3_000_000
        }
        if world.violation == nil, !isOver {
            let what = isAlive ? "it does not come to its end" : "nothing can happen any more"
            world.fail("\(what): \(world.scheduler.threads.joined(separator: ", "))")
        }
        if world.violation == nil { checkLeftovers() }
        for peer in peers { peer.tearDown() }
        world.scheduler.whenIdle = {}
        return world.violation
    }

    private func operate() {
        guard start() else {
            return isOver = true
        }
        if world.weather.liesOneIn > 0 { lie() }
        let arrival = world.random.pick([1, 50, 2000])
        for id in 1...world.random.pick([3, 10, 40, 80]) {
            world.scheduler.after(.milliseconds(world.random.below(arrival))) { [unowned self] in
                arrive(id, attempts: 3)
            }
        }
        for _ in 0..<world.random.below(8) where world.violation == nil && !cannotStart {
            world.scheduler.sleep(.milliseconds(world.random.pick([1, 10, 100, 1000, 3000])))
            switch world.random.below(9) {
            case 8: handOver()
            case 0...3: reload()
            case 4, 5: probe()
            case 6: world.loadOfLoops = world.random.within(0...16)
            default: if world.random.oneIn(4) { killListener() }
            }
        }
        world.scheduler.sleep(.milliseconds(world.random.pick([1, 100, 2000, 20_000])))
        drain()
        server = nil
        store.forgetConnections()
        // The last sweep, and what it left behind: the end of the drain timeout.
        for _ in 0..<60 where Lock.count > locksBefore { world.scheduler.sleep(.milliseconds(600)) }
        isOver = true
    }

    /// Calls something with a completion, and waits for that.
    func wait(
        _ what: String,
        atMost time: Nanoseconds,
        _ body: (@escaping @Sendable () -> Void) -> Void
    ) {
        nonisolated(unsafe) var isDone = false
        nonisolated(unsafe) let fiber = world.scheduler.current
        nonisolated(unsafe) let scheduler = world.scheduler
        let start = world.now
        body {
            if isDone { World.current.fail("\(what) completes twice") }
            isDone = true
            if let fiber { scheduler.wake(fiber) }
        }
        while !isDone, world.violation == nil {
            world.scheduler.block(what, until: start + time + 120_000_000_000)
            guard !isDone, world.judge.quietTime(since: start) > time else { continue }
            world.fail("\(what) has not completed after \(time / 1_000_000) ms")
        }
        if world.judge.quietTime(since: start) > time {
            world.fail("\(what) took \((world.now - start) / 1_000_000) ms")
        }
    }

    /// - Parameters:
    ///   - stored: Listening sockets of the process before.
    ///   - connections: What it has handed over.
    func start(_ stored: [StoredListener] = [], connections: [Int32] = []) -> Bool {
        var logger = Logger(label: "server", factory: { _ in Log() })
        let logsAll = world.random.oneIn(2)
        logger.logLevel = logsAll ? .info : .notice
        var stored = stored
        var connections = connections
        var made: Server<LineSession>?
        for _ in 0..<5 {
            do {
                let server =
                    try made
                    ?? Server<LineSession>(
                        configuration,
                        label: processes == 1 ? "server" : "server\(processes)",
                        logger: logger,
                        listenerStore: store.listenerStore,
                        usesHotLoops: !world.random.oneIn(4)
                    ) { World.current.count("losses of all listeners") }
                if !connections.isEmpty { takeOver(&connections, server) }
                nonisolated(unsafe) var problem: (any Error)?
                wait("the start", atMost: .milliseconds(5000)) { done in
                    server.start(continuing: stored) {
                        problem = $0; done()
                    }
                }
                guard let problem else {
                    self.server = server
                    return true
                }
                // What it has taken over is its own now.
                if processes > 1 { made = server }
                stored = []
                world.trace("the start fails: \(problem)")
            } catch {
                world.trace("no server: \(error)")
            }
            if world.weather.failsOneIn == 0, world.violation == nil {
                world.fail("the server does not start")
            }
            world.scheduler.sleep(.milliseconds(1000))
        }
        server = made
        return false
    }

    // MARK: - Clients

    private func arrive(_ id: Int, attempts: Int) {
        let listeners = world.kernel.listeners.filter(\.wasWatched).compactMap { $0.address }
        let from = Address.ipv4([10, 0, 0, UInt8(world.random.within(1...5))], port: UInt16(30_000 + id))
        if !listeners.isEmpty {
            var target = world.random.pick(listeners)
            if case .ipv6(let bytes, let port) = target, bytes.allSatisfy({ $0 == 0 }), world.random.oneIn(2)
            {
                target = .ipv4([127, 0, 0, 1], port: port)
            }
            if let peer = Peer.connect(world, id: id, to: target, from: from) {
                peers.append(peer)
                clients.append(Client(world, peer, longestLine: configuration.sessionLimits.maximumLine))
                return
            }
        }
        if attempts > 1, !isStopping {
            world.scheduler.after(.milliseconds(world.random.within(1...500))) { [unowned self] in
                arrive(id, attempts: attempts - 1)
            }
        }
    }

    private func lie() {
        world.scheduler.after(.milliseconds(world.random.within(1...20))) { [unowned self] in
            guard !isOver else { return }
            if world.judge.openCount > 0 { world.random.pick(world.judge.open).lie() }
            lie()
        }
    }

    // MARK: - The operator

    func judgeBy(_ configuration: Configuration, onlyThat: Bool) {
        let judge = world.judge
        let limits = configuration.limits
        let line = configuration.sessionLimits.maximumLine
        if onlyThat, peers.isEmpty { judge.lineLimits = line...line }
        judge.lineLimits = min(line, judge.lineLimits.lowerBound)...max(line, judge.lineLimits.upperBound)
        func nanoseconds(_ duration: Duration) -> Nanoseconds {
            Nanoseconds(duration.components.seconds) * 1_000_000_000
                + Nanoseconds(duration.components.attoseconds / 1_000_000_000)
        }
        for timeout in [limits.idleTimeout].compactMap({ $0 }) {
            judge.shortestIdleTimeout = min(judge.shortestIdleTimeout ?? .max, nanoseconds(timeout))
        }
        for timeout in [limits.firstRequestTimeout].compactMap({ $0 }) {
            judge.shortestFirstTimeout = min(judge.shortestFirstTimeout ?? .max, nanoseconds(timeout))
        }
        let share: Int =
            switch limits.maximumConnectionsPerClient {
            case .automatic: max(limits.maximumConnections / 2, 4)
            case .chosen(let limit): limit ?? .max
            }
        let memory: Int =
            if case .chosen(let bytes) = limits.maximumBufferedBytes { bytes } else { 256 << 20 }
        let isFirst = onlyThat && peers.isEmpty
        judge.shares =
            isFirst
            ? share...share : min(share, judge.shares.lowerBound)...max(share, judge.shares.upperBound)
        judge.memory =
            isFirst
            ? memory...memory : min(memory, judge.memory.lowerBound)...max(memory, judge.memory.upperBound)
        judge.shortestDrainTimeout = min(judge.shortestDrainTimeout, nanoseconds(limits.drainTimeout))
        let slots = limits.maximumConnections
        // Where descriptors are scarce there are fewer.
        let least = min(
            slots,
            max(1, world.weather.descriptorLimit - 128 - 4 * configuration.listeners.count - 3)
        )
        judge.slots =
            onlyThat ? least...slots : min(least, judge.slots.lowerBound)...max(slots, judge.slots.upperBound)
    }

    private func reload() {
        guard let server else { return }
        let next = Self.configuration(&world.random)
        let slotsBefore = world.judge.slots
        judgeBy(next, onlyThat: false)
        world.trace("reload")
        nonisolated(unsafe) var problem: (any Error)?
        wait("the reload", atMost: .milliseconds(5000)) { done in
            server.reload(next) {
                problem = $0; done()
            }
        }
        if let problem {
            world.trace("the reload fails: \(problem)")
            world.count("failed reloads")
            world.judge.slots = slotsBefore
            if world.weather.failsOneIn == 0 { world.fail("the reload fails: \(problem)") }
        } else {
            world.count("reloads")
            configuration = next
            judgeBy(next, onlyThat: true)
        }
    }

    private func probe() {
        guard let server else { return }
        wait("the probe", atMost: .milliseconds(1000)) { done in server.probe(done) }
        _ = server.statistics
    }

    private func killListener() {
        guard !world.kernel.listeners.isEmpty else { return }
        world.random.pick(world.kernel.listeners).die()
    }

    private func stall() {
        let time = Nanoseconds.milliseconds(world.random.pick([10, 300, 3000, 20_000]))
        world.trace("everything stands still for \(time / 1_000_000) ms")
        world.count("stalls")
        world.judge.stalled(time)
        world.scheduler.jump(time)
    }

    private func drain() {
        guard let server else { return }
        isStopping = true
        let timeout = configuration.limits.drainTimeout
        let time =
            Nanoseconds(timeout.components.seconds) * 1_000_000_000
            + Nanoseconds(timeout.components.attoseconds / 1_000_000_000)
        world.trace("drain within \(time / 1_000_000) ms, \(world.judge.openCount) clients")
        world.judge.drainBegan(timeout: time)
        let start = world.now
        nonisolated(unsafe) var cutOff = 0
        wait("the drain", atMost: time + .milliseconds(1500)) { done in
            server.drain {
                cutOff = $0; done()
            }
        }
        world.trace("drained, \(cutOff) cut off")
        if cutOff > 0 {
            world.count("cut off", cutOff)
            if !world.judge.isOver(world.now) {
                world.fail("\(cutOff) clients are cut off before the drain timeout")
            }
        }
        world.trace("drain took \((world.now - start) / 1_000_000) ms")
    }

    private func checkLeftovers() {
        for socket in world.judge.open {
            world.fail("client \(socket.peer.id) is still connected after the drain")
        }
        if world.kernel.open > 0 {
            world.fail("\(world.kernel.open) descriptors are left open: \(world.kernel.openNames)")
        }
        if !store.listeners.isEmpty {
            world.fail("\(store.listeners.count) listening sockets are left in the store")
        }
        if ReadSource.count > sourcesBefore {
            world.fail("\(ReadSource.count - sourcesBefore) sources are left over")
        }
        if Lock.count > locksBefore {
            world.fail("\(Lock.count - locksBefore) locks are left over, with what they protect")
        }
    }
}
