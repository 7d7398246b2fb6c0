import DispatchServer
import Logging
import Sockets
import World

/// One run: a server, clients, and an operator who reloads, restarts and at last drains. The seed decides the conditions.
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
    let store: Store
    var processes = 1
    var handOvers = 0
    /// The next process does not start. It is drained if it can be.
    var cannotStart = false

    init(_ world: World) {
        self.world = world
        let isFaultless = world.random.oneIn(4)
        store = Store(world)
        world.conditions = Self.makeConditions(&world.random, isFaultless: isFaultless)
        world.scheduler.preemptsOneIn = world.conditions.preemptsOneIn
        world.loadOfLoops = world.random.pick([1, 4, 12, 16])
        configuration = Self.makeConfiguration(&world.random)
        world.kernel.setLimit(soft: 64, hard: world.conditions.descriptorLimit)
    }

    // MARK: - The run

    /// Runs to the end, and returns the first violated invariant, if any.
    func run() -> Violation? {
        locksBefore = Lock.count
        sourcesBefore = ReadSource.count
        judgeBy(configuration, onlyThat: true)
        let horizon = world.now + 3_600_000_000_000
        world.scheduler.whenIdle = { [unowned self] in
            world.judge.checkWakeUps()
            if world.random.oneIn(world.conditions.stallsOneIn) { stall() }
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
        world.whenLeavingLoop = {}
        return world.violation
    }

    private func operate() {
        guard start() else {
            return isOver = true
        }
        if world.conditions.falseEventsOneIn > 0 { reportFalseEvents() }
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
        if world.random.oneIn(3) { crowd() }
        drain()
        server = nil
        store.forgetConnections()
        // The last sweep, and the end of the drain timeout, keep parts of the server for a while.
        for _ in 0..<60 where Lock.count > locksBefore { world.scheduler.sleep(.milliseconds(600)) }
        isOver = true
    }

    /// Calls `body`, and waits until it calls its completion.
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
                    if world.random.oneIn(8) { startWatchdog() }
                    return true
                }
                // It has taken over connections, so the next attempt is with the same server.
                if processes > 1 { made = server }
                stored = []
                world.trace("the start fails: \(problem)")
            } catch {
                world.trace("no server: \(error)")
            }
            if world.conditions.failsOneIn == 0, world.violation == nil {
                world.fail("the server does not start")
            }
            world.scheduler.sleep(.milliseconds(1000))
        }
        server = made
        return false
    }

    // MARK: - Clients

    /// New clients come right before the drain.
    private func crowd() {
        for id in 1000...1000 + world.random.below(6) {
            world.scheduler.after(.milliseconds(world.random.below(20))) { [unowned self] in
                arrive(id, attempts: 1)
            }
        }
        world.scheduler.sleep(.milliseconds(world.random.within(1...20)))
    }

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

    private func reportFalseEvents() {
        world.scheduler.after(.milliseconds(world.random.within(1...20))) { [unowned self] in
            guard !isOver else { return }
            if world.judge.openCount > 0 { world.random.pick(world.judge.open).reportFalseEvent() }
            reportFalseEvents()
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
        if onlyThat {
            judge.timeoutsSince = world.now
            judge.longestIdleTimeout = 0
            judge.longestFirstTimeout = 0
            judge.longestDrainTimeout = 0
        }
        judge.longestIdleTimeout = max(judge.longestIdleTimeout, limits.idleTimeout.map(nanoseconds) ?? .max)
        judge.longestFirstTimeout = max(
            judge.longestFirstTimeout,
            limits.firstRequestTimeout.map(nanoseconds) ?? .max
        )
        judge.longestDrainTimeout = max(judge.longestDrainTimeout, nanoseconds(limits.drainTimeout))
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
        // With a low limit on open files there are fewer.
        let least = min(
            slots,
            max(1, world.conditions.descriptorLimit - 128 - 4 * configuration.listeners.count - 3)
        )
        judge.slots =
            onlyThat ? least...slots : min(least, judge.slots.lowerBound)...max(slots, judge.slots.upperBound)
    }

    private func reload() {
        guard let server else { return }
        let next = Self.makeConfiguration(&world.random)
        let slotsBefore = world.judge.slots
        let before = openListeners
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
            if world.conditions.failsOneIn == 0 { world.fail("the reload fails: \(problem)") }
        } else {
            world.count("reloads")
            checkListeners(of: next, before: before)
            configuration = next
            judgeBy(next, onlyThat: true)
        }
    }

    private func probe() {
        guard let server else { return }
        wait("the probe", atMost: .milliseconds(1000)) { done in server.probe(done) }
        _ = server.statistics
    }

    /// A watchdog probes while a connection leaves a hot loop, which may end with it.
    private func startWatchdog() {
        world.whenLeavingLoop = { [unowned self] in
            guard !isStopping, server != nil, world.random.oneIn(4) else { return }
            world.scheduler.spawn("watchdog") { [unowned self] in
                guard let server else { return }
                wait("the watchdog's probe", atMost: .milliseconds(1000)) { done in server.probe(done) }
            }
        }
    }

    private func killListener() {
        guard !world.kernel.listeners.isEmpty else { return }
        world.random.pick(world.kernel.listeners).die()
    }

    private func stall() {
        world.standStill(for: .milliseconds(world.random.pick([10, 300, 3000, 20_000])))
    }

    private func drain() {
        guard let server else { return }
        isStopping = true
        let timeout = configuration.limits.drainTimeout
        let time =
            Nanoseconds(timeout.components.seconds) * 1_000_000_000
            + Nanoseconds(timeout.components.attoseconds / 1_000_000_000)
        world.trace("drain within \(time / 1_000_000) ms, \(world.judge.openCount) clients")
        // What the limit of open files leaves, with a reserve.
        world.judge.drainBegan(timeout: time, slots: world.conditions.descriptorLimit - 128 - 40)
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
        if cutOff == 0 { checkStatistics(server.statistics) }
        world.trace("drain took \((world.now - start) / 1_000_000) ms")
    }

    /// After a drain that cut off no client, no bytes are held, and nobody waits for memory.
    private func checkStatistics(_ statistics: Statistics) {
        guard statistics.connections == 0 else { return }
        if statistics.bufferedBytes != 0 {
            world.fail("\(statistics.bufferedBytes) bytes are counted as held, and nobody is connected")
        }
        if statistics.waitingForMemory > 0 {
            world.fail("\(statistics.waitingForMemory) clients wait for memory, and nobody is connected")
        }
        // Another process counts those that were taken over or handed over.
        guard handOvers == 0 else { return }
        let ended = statistics.ended.values.reduce(0, +)
        if ended != statistics.accepted {
            world.fail("\(statistics.accepted) clients were accepted, and the ends of \(ended) are counted")
        }
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
