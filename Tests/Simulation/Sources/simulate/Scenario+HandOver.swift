import DispatchServer
import World

// A restart with a hand-over: one process hands its connections over and ends, and the next process continues them.
extension Scenario {
    func handOver() {
        guard let server else { return }
        world.trace("hand-over of \(world.judge.openCount) clients")
        world.judge.handOverBegan()
        handOvers += 1
        nonisolated(unsafe) var made: HandOver?
        wait("the hand-over", atMost: .milliseconds(2600)) { done in
            server.handOver {
                made = $0
                done()
            }
        }
        guard world.violation == nil else { return }
        guard let handed = made else {
            world.count("hand-overs refused")
            return world.judge.handOverEnded()
        }
        world.trace("\(handed.connections) connections in the socket, \(handed.ended) ended")
        if world.random.oneIn(4) {
            // The service manager does not keep it.
            if handed.isKept() { world.fail("a hand-over that nobody has is kept") }
            server.takeBack(handed)
            world.scheduler.sleep(.milliseconds(50))
            world.count("hand-overs taken back")
            return world.judge.handOverEnded()
        }
        store.keepConnections(handed.descriptor)
        if !handed.isKept() { world.fail("a hand-over that the store has is not kept") }
        if world.random.oneIn(2) { server.finish(handed) }
        world.scheduler.sleep(.milliseconds(world.random.pick([0, 0, 1, 20])))
        endProcess(handed)
        world.scheduler.sleep(.milliseconds(world.random.pick([1, 20, 300, 3000])))
        beginProcess()
    }

    /// Ends the process, wherever its threads are.
    private func endProcess(_ handed: HandOver) {
        world.trace("the process ends")
        // Its memory is gone, so nothing of it may be released.
        if let server { _ = Unmanaged.passRetained(server) }
        _ = Unmanaged.passRetained(handed)
        server = nil
        let kept = store.listeners.map(\.file)
        for listener in world.kernel.listeners where !kept.contains(where: { $0 === listener }) {
            // A reload has removed it, and clients may still be on the way to it.
            listener.hadFault = true
        }
        world.scheduler.endProcess()
        world.kernel.endProcess()
        Lock.count = 0
        ReadSource.count = 0
        locksBefore = 0
        sourcesBefore = 0
        processes += 1
        world.count("hand-overs")
    }

    private func beginProcess() {
        if world.random.oneIn(3) {
            var next = Self.makeConfiguration(&world.random)
            // Clients in the backlog of a listener that the next process does not have are served with the default options.
            // So a listener with PROXY headers stays: otherwise the right answers would not be known.
            let kept = configuration.listeners.filter {
                $0.proxyProtocol.isExpected && !next.listeners.map(\.endpoint).contains($0.endpoint)
            }
            next.listeners += kept
            judgeBy(next, onlyThat: false)
            configuration = next
        }
        judgeBy(configuration, onlyThat: true)
        world.kernel.setLimit(soft: 64, hard: world.conditions.descriptorLimit)
        let (listeners, connections) = store.handOut()
        let isStarted = start(listeners, connections: connections)
        world.judge.handOverEnded()
        guard !isStarted else { return }
        world.count("processes that could not start")
        if server == nil { giveUp() }
        cannotStart = true
    }

    /// The service manager closes what it has kept for a service that does not start.
    private func giveUp() {
        world.judge.takeOverFailed("a process that does not start")
        for listener in world.kernel.listeners { listener.hadFault = true }
        store.forgetAll()
    }

    /// The next process continues the connections.
    func takeOver(_ descriptors: inout [Int32], _ server: Server<LineSession>) {
        let passed = descriptors
        descriptors = []
        nonisolated(unsafe) var report: TakeOverReport?
        wait("to take over", atMost: .milliseconds(2000)) { done in
            server.takeOver(from: passed) {
                report = $0
                done()
            }
        }
        store.forgetConnections()
        guard let report else { return }
        world.trace("\(report.taken) taken over, \(report.ended) ended: \(report.reasons)")
        world.count("connections taken over", report.taken)
        world.count("connections not taken over", report.ended)
        if report.ended > 0, world.conditions.failsOneIn == 0 {
            world.fail("\(report.ended) connections are not taken over: \(report.reasons)")
        }
    }
}
