import Dispatch
import Synchronization

/// The hot loops of a server: one at light load, at most one for each processor that the process may use.
final class HotLoops<Member: LoopMember>: Sendable {
    /// A connection is busy if its source has two events within this time.
    private static var busyTime: Milliseconds { 5 }
    /// All connections are busy if the sources together have this many events in a window.
    private static var crowd: Int { 64 }
    private static var crowdWindow: Milliseconds { 20 }
    /// How long no connection is lent to a loop after a loop could not wait for events.
    private static var failurePause: Milliseconds { 1000 }

    private struct Contents {
        var loops: [HotLoop<Member>] = []
        var balance: LoopBalance
        /// Events of sources in the current window of `crowdWindow`, and in the one before.
        var window: Milliseconds = 0
        var events = 0
        var eventsBefore = 0
    }

    /// Whether busy connections are lent to loops. Loops wait for blocked output in any case.
    let adoptsBusy: Bool
    private let label: String
    private let withWorker: HotLoop<Member>.WorkerLoan
    private let onFailure: @Sendable (Int32) -> Void
    private let contents: Mutex<Contents>
    /// No connection is lent to a loop before this time: a loop could not wait for events and has returned its members.
    private let noneBefore = Atomic<Milliseconds>(0)

    /// Makes the first loop.
    ///
    /// - Parameter onFailure: Called with the `errno` when a loop can no longer wait for events.
    init(
        maximum: Int,
        adoptsBusy: Bool,
        label: String,
        withWorker: @escaping HotLoop<Member>.WorkerLoan,
        onFailure: @escaping @Sendable (Int32) -> Void
    ) throws(LoopError) {
        self.adoptsBusy = adoptsBusy
        self.label = label
        self.withWorker = withWorker
        self.onFailure = onFailure
        contents = Mutex(Contents(balance: LoopBalance(maximum: adoptsBusy ? maximum : 1, now: Clock.now())))
        let first = try makeLoop(0)
        contents.withLock { $0.loops = [first] }
    }

    /// The loop for the next connection: the one with the least to do.
    var next: HotLoop<Member> { contents.withLock { $0.loops[min($0.balance.target, $0.loops.count - 1)] } }

    /// How many loops share the load now.
    var count: Int { contents.withLock { $0.balance.inUse } }

    /// How many connections all loops serve now.
    var memberCount: Int { contents.withLock { $0.loops }.reduce(0) { $0 + $1.memberCount } }

    /// Whether a connection with an event of its source is busy: it had another event shortly before, or the sources together
    /// have so many that a loop is cheaper for all of them. Counts the event.
    func shouldAdopt(lastEvent: Milliseconds, now: Milliseconds) -> Bool {
        guard adoptsBusy, now >= noneBefore.load(ordering: .relaxed) else { return false }
        if now &- lastEvent <= Self.busyTime { return true }
        return contents.withLock { contents in
            let window = now / Self.crowdWindow
            if window != contents.window {
                contents.eventsBefore = window == contents.window + 1 ? contents.events : 0
                contents.events = 0
                contents.window = window
            }
            contents.events += 1
            return contents.eventsBefore >= Self.crowd
        }
    }

    /// Calls `body` once every loop that has members has responded.
    func probe(_ body: @escaping @Sendable () -> Void) {
        let loops = contents.withLock { $0.loops }
        let left = Countdown(loops.count, body)
        for loop in loops { loop.probe { left.step() } }
    }

    private func makeLoop(_ index: Int) throws(LoopError) -> HotLoop<Member> {
        try HotLoop(
            index: index,
            label: "\(label).loop.\(index)",
            withWorker: withWorker,
            onTick: { [weak self] loop, report, now in self?.tick(loop, report, now) },
            onFailure: { [weak self] code in self?.failed(code) }
        )
    }

    private func failed(_ code: Int32) {
        noneBefore.store(Clock.now() &+ Self.failurePause, ordering: .relaxed)
        onFailure(code)
    }

    private func tick(_ loop: HotLoop<Member>, _ report: HotLoop<Member>.Report, _ now: Milliseconds) {
        let order = contents.withLock { contents -> (share: Double, targets: [HotLoop<Member>])? in
            let order = contents.balance.report(
                loop: loop.index,
                processor: report.processor,
                work: report.work,
                now: now
            )
            while contents.loops.count < contents.balance.inUse {
                guard let new = try? makeLoop(contents.loops.count) else {
                    contents.balance.limit(to: contents.loops.count)
                    break
                }
                contents.loops.append(new)
            }
            guard let order else { return nil }
            return (
                order.share, order.targets.compactMap { $0 < contents.loops.count ? contents.loops[$0] : nil }
            )
        }
        if let order, !order.targets.isEmpty { loop.give(order.share, to: order.targets) }
    }
}

/// Calls a function after a number of steps, on any threads.
final class Countdown: Sendable {
    private let left: Atomic<Int>
    private let body: @Sendable () -> Void

    init(_ steps: Int, _ body: @escaping @Sendable () -> Void) {
        left = Atomic(steps)
        self.body = body
    }

    func step() {
        if left.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 { body() }
    }
}
