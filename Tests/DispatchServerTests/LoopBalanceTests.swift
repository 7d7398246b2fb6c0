import Testing

@testable import DispatchServer

/// Simulated loads in virtual time: each loop reports every 15 ms what a model of the machine says.
@Suite("The balance of the loops")
struct LoopBalanceTests {
    /// A model of the machine, and the history of the number of loops.
    private struct Simulation {
        var balance: LoopBalance
        var now: Milliseconds = 10_000
        /// The share of all members that each loop has.
        var shares: [Double]
        /// When the number of loops changed, and to what.
        var changes: [(at: Milliseconds, inUse: Int)] = []
        /// The work of each loop in a millisecond, and the share of a processor that it takes.
        var model: (_ shares: [Double]) -> [(work: Double, processor: Double)]

        init(
            maximum: Int,
            model: @escaping (_ shares: [Double]) -> [(work: Double, processor: Double)]
        ) {
            balance = LoopBalance(maximum: maximum, now: now)
            shares = [1] + Array(repeating: 0, count: maximum - 1)
            self.model = model
        }

        mutating func run(for time: Milliseconds) {
            let end = now + time
            while now < end {
                now += 15
                let figures = model(shares)
                for loop in shares.indices where shares[loop] > 0 {
                    let before = balance.inUse
                    let figure = figures[loop]
                    let order = balance.report(
                        loop: loop,
                        processor: figure.processor,
                        work: UInt64(figure.work * 15),
                        now: now
                    )
                    if balance.inUse != before { changes.append((now, balance.inUse)) }
                    if let order { follow(order, loop) }
                }
            }
        }

        private mutating func follow(_ order: LoopBalance.Order, _ loop: Int) {
            let given = shares[loop] * order.share
            shares[loop] -= given
            if shares[loop] < 0.001 { shares[loop] = 0 }
            for target in order.targets { shares[target] += given / Double(order.targets.count) }
        }

        /// When the trials of one more loop began.
        var trials: [Milliseconds] { changes.filter { $0.inUse > 1 }.map(\.at) }
        /// The shares of the loops in use.
        var spread: Double { (shares.max() ?? 0) - (shares.filter { $0 > 0 }.min() ?? 0) }
    }

    /// Processor-bound: each loop has its own processor, and endless work as long as it has members.
    private static func bound(_ shares: [Double]) -> [(work: Double, processor: Double)] {
        shares.map { $0 > 0 ? (1000, 1) : (0, 0) }
    }

    @Test(
        "grows to every processor under work that is bound by it, and stays there",
        arguments: [1, 2, 3, 8, 16]
    )
    func grows(processors: Int) {
        var simulation = Simulation(maximum: processors, model: Self.bound)
        simulation.run(for: 10_000)
        #expect(simulation.balance.inUse == processors)
        #expect(simulation.shares.count { $0 > 0.01 } == processors)
        simulation.run(for: 120_000)
        // Never more than there are, and no step back.
        #expect(simulation.changes.map(\.inUse) == Array(2..<(processors + 1)))
        #expect(simulation.changes.allSatisfy { $0.at < 20_000 })
    }

    @Test("tries a second loop where it takes time from the clients, gives it up, and waits longer each time")
    func reverts() {
        // One loop does 1000, two do 650 together.
        var simulation = Simulation(maximum: 2) { shares in
            let loops = shares.count { $0 > 0 }
            return shares.map { $0 > 0 ? (loops == 1 ? 1000 : 325, 1) : (0, 0) }
        }
        simulation.run(for: 200_000)
        #expect(simulation.balance.inUse == 1)
        #expect(simulation.changes.map(\.inUse) == simulation.changes.indices.map { $0 % 2 == 0 ? 2 : 1 })
        let trials = simulation.trials
        let pauses = zip(trials.dropFirst(), trials).map { $0 - $1 }
        #expect(pauses.count >= 8)
        for (number, pause) in pauses.enumerated() {
            let expected = min(1000 << Milliseconds(number), 8000)
            #expect(pause >= expected && pause < expected + 400)
        }
        // A trial is short.
        for (trial, end) in zip(simulation.changes, simulation.changes.dropFirst()) where trial.inUse == 2 {
            #expect(end.at - trial.at <= 150)
        }
    }

    @Test("forgets a failed trial after a second without load")
    func forgets() {
        var helps = false
        var simulation = Simulation(maximum: 2) { shares in
            let loops = shares.count { $0 > 0 }
            return shares.map { $0 > 0 ? (loops == 1 || helps ? 1000 : 325, 1) : (0, 0) }
        }
        simulation.run(for: 20_000)
        #expect(simulation.balance.inUse == 1)
        // No loop has members, so none reports.
        simulation.now += 1500
        helps = true
        simulation.run(for: 1300)
        #expect(simulation.balance.inUse == 2)
    }

    @Test("keeps a second loop that brings a quarter more, and no less", arguments: [1.2, 1.3])
    func threshold(gain: Double) {
        var simulation = Simulation(maximum: 2) { shares in
            let loops = shares.count { $0 > 0 }
            return shares.map { $0 > 0 ? (loops == 1 ? 1000 : 500 * gain, 1) : (0, 0) }
        }
        simulation.run(for: 900)
        #expect(simulation.balance.inUse == (gain > 1.25 ? 2 : 1))
    }

    @Test("stays on one loop while that one sleeps now and then")
    func staysSmall() {
        var simulation = Simulation(maximum: 4) { shares in shares.map { (800 * $0, 0.85 * $0) } }
        simulation.run(for: 60_000)
        #expect(simulation.changes.isEmpty)
    }

    @Test("goes back to one loop when the load falls")
    func shrinks() {
        var simulation = Simulation(maximum: 4, model: Self.bound)
        simulation.run(for: 10_000)
        #expect(simulation.balance.inUse == 4)
        // Work for half a processor, however it is divided.
        simulation.model = { shares in shares.map { (500 * $0, 0.5 * $0) } }
        simulation.run(for: 5000)
        #expect(simulation.balance.inUse == 1)
        #expect(simulation.shares.dropFirst().allSatisfy { $0 == 0 })
        let changes = simulation.changes.count
        simulation.run(for: 60_000)
        #expect(simulation.changes.count == changes)
    }

    @Test("takes a loop back that it gave up too early, and waits before the next trial")
    func shrinksTooFar() {
        var simulation = Simulation(maximum: 2, model: Self.bound)
        simulation.run(for: 5000)
        // Two loops wait part of the time; one alone would do half of the work.
        simulation.model = { shares in
            let loops = shares.count { $0 > 0 }
            return shares.map { $0 > 0 ? (loops == 1 ? 500 : 500, 0.6) : (0, 0) }
        }
        let before = simulation.changes.count
        simulation.run(for: 900)
        #expect(simulation.changes.dropFirst(before).map(\.inUse) == [1, 2])
        #expect(simulation.balance.inUse == 2)
        simulation.run(for: 100_000)
        #expect(simulation.balance.inUse == 2)
        #expect(simulation.changes.count - before < 20)
    }

    @Test("levels the loops when one has too much and another sleeps")
    func levels() {
        // Each member needs as much of a processor as any other; the loops start unequal.
        var simulation = Simulation(maximum: 2, model: Self.bound)
        simulation.run(for: 5000)
        simulation.shares = [0.9, 0.1]
        simulation.model = { shares in shares.map { (2000 * min($0, 0.55), min(1, $0 / 0.55)) } }
        simulation.run(for: 5000)
        #expect(simulation.balance.inUse == 2)
        #expect(simulation.spread < 0.35)
    }

    @Test("takes all members from a loop that is not in use, at each of its ticks")
    func takesBackStragglers() {
        var balance = LoopBalance(maximum: 4, now: 0)
        let all = LoopBalance.Order(share: 1, targets: [0])
        for now: Milliseconds in [10, 20, 30] {
            #expect(balance.report(loop: 2, processor: 0.1, work: 1, now: now) == all)
            #expect(balance.report(loop: 0, processor: 0.1, work: 1, now: now) == nil)
        }
    }

    @Test("names the loop with the least to do for the next connection")
    func target() {
        var simulation = Simulation(maximum: 3, model: Self.bound)
        #expect(simulation.balance.target == 0)
        simulation.run(for: 5000)
        let loads = [0.9, 0.2, 0.6]
        for _ in 0..<20 {
            for (loop, load) in loads.enumerated() {
                _ = simulation.balance.report(loop: loop, processor: load, work: 1, now: simulation.now)
            }
        }
        #expect(simulation.balance.target == 1)
        // One that has nothing to do counts as free at once.
        _ = simulation.balance.report(loop: 0, processor: 0, work: 0, now: simulation.now)
        #expect(simulation.balance.target == 0)
    }

    @Test("uses no more loops than could be made")
    func limited() {
        var simulation = Simulation(maximum: 8, model: Self.bound)
        simulation.run(for: 2000)
        simulation.balance.limit(to: 3)
        simulation.shares = [0.4, 0.3, 0.3, 0, 0, 0, 0, 0]
        #expect(simulation.balance.inUse <= 3)
        simulation.run(for: 60_000)
        #expect(simulation.balance.inUse == 3)
        #expect(simulation.shares.count { $0 > 0.01 } == 3)
        simulation.balance.limit(to: 0)
        #expect(simulation.balance.inUse == 1)
    }
}
