import Glibc

/// A violated invariant.
public struct Violation: Error, CustomStringConvertible {
    public let description: String
}

/// The conditions of a run. The seed decides them.
public struct Conditions {
    /// One in so many system calls fails; 0 for none.
    public var failsOneIn = 0
    /// One in so many checks of readiness reports an event although there is none.
    public var falseEventsOneIn = 0
    /// One in so many waits of the whole process lasts for seconds.
    public var stallsOneIn = 0
    /// One in so many calls makes the thread lose the processor.
    public var preemptsOneIn = 0
    /// Whether every receive and send may be partial.
    public var isPartial = false
    /// How many threads the concurrent queue has.
    public var threads = 2
    public var processors = 1
    public var descriptorLimit = 1024
    /// The most time that a system call takes.
    public var callTime: Nanoseconds = 2000
    /// The most time that the network takes.
    public var latency: Nanoseconds = .milliseconds(5)

    public init() {}
}

/// A simulated machine: scheduler, kernel and network, with the judge that checks the invariants.
public final class World {
    /// The world that the shadowing modules talk to. There is one at a time.
    public static nonisolated(unsafe) var current = World(seed: 0, traces: false)

    /// The number of the bug that is active, where the sources have planted ones.
    public static let plantedBug = getenv("PLANTED_BUG").flatMap { Int32(String(cString: $0)) } ?? 0

    public let seed: UInt64
    public var random: Random
    public let scheduler: Scheduler
    public var conditions = Conditions()
    public private(set) var kernel: Kernel!
    public let traces: Bool
    /// The first violated invariant. It ends the run.
    public private(set) var violation: Violation?
    /// Counts of what happened, to show that a run did something.
    public var counts: [String: Int] = [:]
    public let judge = Judge()
    /// How busy the loops are, in sixteenths of a processor.
    public var loadOfLoops = 4
    /// Called when a hot loop stops watching a connection.
    public var whenLeavingLoop: () -> Void = {}
    private let chance: Chance

    private final class Chance { var random: Random; init(_ random: Random) { self.random = random } }

    public init(seed: UInt64, traces: Bool) {
        self.seed = seed
        self.traces = traces
        random = Random(seed: seed)
        let chance = Chance(Random(seed: seed ^ 0xC0FFEE))
        self.chance = chance
        scheduler = Scheduler { chance.random.next() }
        kernel = Kernel(self)
    }

    public var now: Nanoseconds { scheduler.now }

    public func trace(_ text: @autoclosure () -> String) {
        guard traces else { return }
        let time = (now - 1_000_000_000_000) / 1000
        let digits = String(time % 1_000_000)
        let fraction = String(repeating: "0", count: 6 - digits.count) + digits
        print("\(time / 1_000_000).\(fraction) [\(scheduler.current?.name ?? "world")] \(text())")
    }

    public func count(_ what: String, _ amount: Int = 1) { counts[what, default: 0] += amount }

    /// An invariant does not hold.
    public func fail(_ text: String) {
        trace("VIOLATION: \(text)")
        if violation == nil {
            violation = Violation(
                description:
                    "\(text) (by \(scheduler.current?.name ?? "the world") at \((now - 1_000_000_000_000) / 1_000_000) ms)"
            )
        }
    }

    /// Whether this call fails.
    public func shouldFail() -> Bool { random.oneIn(conditions.failsOneIn) }

    /// The whole process stands still for this time, as under SIGSTOP, and then other threads run first.
    public func standStill(for time: Nanoseconds) {
        trace("everything stands still for \(time / 1_000_000) ms")
        count("stalls")
        judge.stalled(time)
        scheduler.jump(time)
        // What was due meanwhile happens while this thread still holds its locks.
        for _ in 0..<32 { scheduler.yield() }
    }
}
