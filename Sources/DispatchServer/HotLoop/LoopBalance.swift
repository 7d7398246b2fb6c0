/// Decides by trial how many hot loops share the load.
///
/// Whether a second loop helps has to be measured. If a processor is idle, it doubles the throughput. If the clients run on the
/// same processors, it takes time from them, and a third of the throughput is lost. So when the loops in use no longer
/// sleep, one more is tried briefly and kept only if more work gets done. When they have little to do, one less is tried and
/// kept if no less work gets done. A failed trial is repeated after a pause, which doubles each time. After a while of light
/// load the pauses are reset: the next load may be different.
///
/// It reads no clock and touches no loop: loops report to it at their ticks, and follow the orders that it returns.
struct LoopBalance {
    /// What a loop must do with its members.
    struct Order: Equatable {
        /// The share of its members to give away, 0...1.
        var share: Double
        /// The loops that get them, in turn.
        var targets: [Int]
    }

    private enum Direction { case more, fewer }

    private enum Phase {
        case settled
        /// The number has changed, the members are still moving.
        case moving(Direction, rateBefore: Double)
        /// The next window measures the effect of the change.
        case measuring(Direction, rateBefore: Double)
    }

    /// When the next trial in one direction may begin.
    private struct Retry {
        private(set) var at: Milliseconds = 0
        private var pause = LoopBalance.shortestPause

        mutating func succeeded() { pause = LoopBalance.shortestPause }

        /// Doubles the pause, up to `longest`.
        mutating func failed(longest: Milliseconds, now: Milliseconds) {
            at = now &+ pause
            pause = min(2 * pause, longest)
        }

        /// Allows a trial soon, but not at once: the same load may only have paused.
        mutating func forget(now: Milliseconds) {
            at = min(at, now &+ LoopBalance.shortestPause)
            pause = LoopBalance.shortestPause
        }
    }

    /// How long work is counted for one measurement.
    static let window: Milliseconds = 30
    private static let shortestPause: Milliseconds = 1000
    private static let longestPauses: (more: Milliseconds, fewer: Milliseconds) = (8000, 30_000)
    /// After this many windows of light load, or without a report, the pauses between trials are reset.
    private static let forgettingWindows = 33
    /// A loop that uses at least this share of a processor counts as busy.
    private static let busy = 0.9
    /// Below this share, one loop less is tried.
    private static let light = 0.7

    /// The most loops that may be used, at least 1.
    private var maximum: Int
    /// The loops in use are 0..<inUse.
    private(set) var inUse = 1

    private var phase = Phase.settled
    private var loads: [Double]
    private var orders: [Int: Order] = [:]
    private var work: UInt64 = 0
    private var windowStart: Milliseconds
    private var lightWindows = 0
    private var more = Retry()
    private var fewer = Retry()

    init(maximum: Int, now: Milliseconds) {
        self.maximum = max(1, maximum)
        loads = Array(repeating: 0, count: self.maximum)
        windowStart = now
    }

    /// The loop that takes the next busy connection: the one with the lowest load.
    var target: Int { loads[..<inUse].indices.min { loads[$0] < loads[$1] } ?? 0 }

    /// A loop could not be created: use at most `count` from now on.
    mutating func limit(to count: Int) {
        maximum = max(1, count)
        inUse = min(inUse, maximum)
        phase = .settled
    }

    /// A loop reports at its tick what it did since the last one.
    ///
    /// - Parameters:
    ///   - loop: Its index.
    ///   - processor: The share of a processor that it used, 0...1.
    ///   - work: The work done, in any unit.
    mutating func report(loop: Int, processor: Double, work done: UInt64, now: Milliseconds) -> Order? {
        loads[loop] = processor == 0 ? 0 : (loads[loop] + processor) / 2
        work &+= done
        if now >= windowStart &+ Milliseconds(Self.forgettingWindows) * Self.window {
            begin(at: now)
        } else if now >= windowStart &+ Self.window {
            endWindow(now)
        }
        // A member that was busy when the others moved follows at a later tick.
        if loop >= inUse { return Order(share: 1, targets: Array(0..<inUse)) }
        return orders.removeValue(forKey: loop)
    }

    /// Starts over: no loop had work for a while.
    private mutating func begin(at now: Milliseconds) {
        work = 0
        windowStart = now
        phase = .settled
        more.forget(now: now)
        fewer.forget(now: now)
    }

    private mutating func endWindow(_ now: Milliseconds) {
        let rate = Double(work) / Double(now &- windowStart)
        work = 0
        windowStart = now
        switch phase {
        case .settled:
            let load = loads[..<inUse].reduce(0, +) / Double(inUse)
            lightWindows = load < Self.light ? lightWindows + 1 : 0
            if lightWindows == Self.forgettingWindows { more.forget(now: now) }
            if load >= Self.busy, inUse < maximum, now >= more.at {
                begin(.more, rate)
            } else if load < Self.light, inUse > 1, now >= fewer.at {
                begin(.fewer, rate)
            } else {
                level()
            }
        case .moving(let direction, let before):
            phase = .measuring(direction, rateBefore: before)
        case .measuring(let direction, let before):
            phase = .settled
            judge(direction, gain: before > 0 ? rate / before : 1, now)
        }
    }

    private mutating func begin(_ direction: Direction, _ rate: Double) {
        phase = .moving(direction, rateBefore: rate)
        change(direction)
    }

    private mutating func judge(_ direction: Direction, gain: Double, _ now: Milliseconds) {
        switch direction {
        case .more where gain >= 1 + 0.25 / Double(inUse - 1): more.succeeded()
        case .more:
            more.failed(longest: Self.longestPauses.more, now: now)
            change(.fewer)
        case .fewer where gain >= 1 - 0.1 / Double(inUse + 1): fewer.succeeded()
        case .fewer:
            fewer.failed(longest: Self.longestPauses.fewer, now: now)
            change(.more)
        }
    }

    private mutating func change(_ direction: Direction) {
        switch direction {
        case .more:
            for loop in 0..<inUse { orders[loop] = Order(share: 1 / Double(inUse + 1), targets: [inUse]) }
            orders[inUse] = nil
            inUse += 1
        case .fewer:
            inUse -= 1
            orders = [:]
        }
    }

    /// Moves members from the busiest loop to the one with the lowest load.
    private mutating func level() {
        guard inUse > 1, let busiest = loads[..<inUse].indices.max(by: { loads[$0] < loads[$1] }) else {
            return
        }
        let idlest = target
        let difference = loads[busiest] - loads[idlest]
        guard loads[busiest] >= Self.busy, difference > 0.3 else { return }
        orders[busiest] = Order(share: difference / (2 * loads[busiest]), targets: [idlest])
    }
}
