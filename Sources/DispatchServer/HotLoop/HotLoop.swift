import CLinux
import Dispatch
import Glibc
import Synchronization

/// One epoll instance and one thread that serve busy connections.
///
/// An event of a dispatch source costs two epoll_ctl, an ioctl, futexes and a thread switch: half of the time that a short
/// line takes. So a busy connection is lent to a loop, and returns to its source when it is quiet.
///
/// - The loop is one work item on its own serial queue. libdispatch runs a serial queue on a thread beyond the pool
///   of the concurrent queue, so loops never take the threads that serve sources. The item ends with the last member.
/// - Light events are served first. Bulky members (many bytes at their last event) are served one at a time, with an
///   epoll_pwait after each. So a flood delays the others by at most one event.
/// - It waits without a timeout; a timer in the epoll instance ticks instead. The kernel would set and clear a timeout at every
///   wait, which on a virtual machine costs as much as the answer to a short line.
/// - An event carries a token for the `LoopTable`, so a late event does not reach a later owner of the descriptor number.
///
/// The loop's lock is the innermost one: no other lock is taken while it is held.
final class HotLoop<Member: LoopMember>: Sendable {
    /// Lends a worker to a call.
    typealias WorkerLoan = @Sendable ((Member.LoopWorker) -> Void) -> Void

    /// What the loop did since its last tick.
    struct Report {
        /// The share of a processor that it used, 0...1.
        var processor: Double
        /// Bytes received, and a fixed amount for each event.
        var work: UInt64
    }

    private struct State {
        var table = LoopTable<Member>()
        var isRunning = false
        var probes: [@Sendable () -> Void] = []
    }

    private static var tickTime: Milliseconds { 15 }
    private static var slowTickTime: Milliseconds { 480 }
    private static var batch: Int { 256 }
    /// How many quiet members return to their sources at one tick at most: nobody is served during that time.
    private static var mostLeaving: Int { 128 }
    /// This many bytes at one event make a member bulky.
    private static var bulkyBytes: Int { 16 << 10 }
    private static var eventWork: UInt64 { 256 }

    let index: Int
    private let epoll: Epoll
    private let queue: DispatchQueue
    private let withWorker: WorkerLoan
    private let onTick: @Sendable (HotLoop, Report, Milliseconds) -> Void
    private let onFailure: @Sendable (Int32) -> Void
    private let state = Mutex(State())

    /// Makes a loop without members; its thread starts with the first one.
    ///
    /// - Parameters:
    ///   - onTick: Called on the loop's thread at every tick.
    ///   - onFailure: Called with the `errno` when the system no longer delivers events.
    /// - Throws: `LoopError` if the system cannot create an epoll instance or a timer.
    init(
        index: Int,
        label: String,
        withWorker: @escaping WorkerLoan,
        onTick: @escaping @Sendable (HotLoop, Report, Milliseconds) -> Void,
        onFailure: @escaping @Sendable (Int32) -> Void
    ) throws(LoopError) {
        epoll = try Epoll()
        self.index = index
        queue = DispatchQueue(label: label)
        self.withWorker = withWorker
        self.onTick = onTick
        self.onFailure = onFailure
    }

    // MARK: - Members. Called with the member's lock held.

    /// Watches the member's descriptor. Returns 0, or an `errno`.
    func add(_ member: Member, for events: EPOLL_EVENTS) -> Int32 {
        let mustStart = state.withLock { state in
            state.table.insert(member, now: Clock.now())
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if mustStart { queue.async { self.run() } }
        let code = control(EPOLL_CTL_ADD, member, events)
        if code != 0 { state.withLock { $0.table.remove(member) } }
        return code
    }

    /// Watches for other events. Returns 0, or an `errno`.
    func change(_ member: Member, to events: EPOLL_EVENTS) -> Int32 {
        control(EPOLL_CTL_MOD, member, events)
    }

    /// Stops watching the member. Call it before the descriptor is closed: if another process holds a duplicate of the socket,
    /// close(2) does not remove it from the epoll instance.
    func remove(_ member: Member) {
        _ = control(EPOLL_CTL_DEL, member, EPOLLIN)
        state.withLock { $0.table.remove(member) }
    }

    private func control(_ operation: Int32, _ member: Member, _ events: EPOLL_EVENTS) -> Int32 {
        epoll.control(operation, member.descriptor, token: LoopTable.token(member), for: events)
    }

    /// How many members it has.
    var memberCount: Int { state.withLock { $0.table.count } }

    // MARK: - Orders

    /// Calls `body` on the loop's thread within a tick, or at once if the loop has no members.
    func probe(_ body: @escaping @Sendable () -> Void) {
        let isRunning = state.withLock { state in
            if state.isRunning { state.probes.append(body) }
            return state.isRunning
        }
        if isRunning { epoll.tick(every: Self.tickTime) } else { body() }
    }

    /// Gives members to other loops, in turn. Called on the loop's thread.
    ///
    /// - Parameter share: The share of the bulky and of the light members, 0...1.
    func give(_ share: Double, to others: [HotLoop]) {
        let leaving = state.withLock { $0.table.part(share) }
        for (index, member) in leaving.enumerated() {
            member.move(from: self, to: others[index % others.count])
        }
    }

    // MARK: - The loop

    private func run() {
        epoll.tick(every: Self.tickTime)
        withWorker { worker in
            var events = Epoll.Events(capacity: Self.batch)
            var turn = Turn()
            repeat { serve(&events, worker, &turn) } while !(turn.isTickDue && endTick(&turn))
        }
    }

    /// The state of one run of the loop.
    private struct Turn {
        /// The light members with events.
        var light: [Member] = []
        /// Whether bulky members are queued.
        var hasBulky = false
        var isTickDue = false
        var interval = HotLoop.tickTime
        var work: UInt64 = 0
        var failures = 0
        /// When quiet members are looked for again.
        var nextReview: Milliseconds = 0
        var lastTick = Clock.nanoseconds(CLOCK_MONOTONIC)
        var lastProcessorTime = Clock.nanoseconds(CLOCK_THREAD_CPUTIME_ID)
    }

    /// Waits once, serves the light events, and one bulky member.
    private func serve(
        _ events: inout Epoll.Events,
        _ worker: Member.LoopWorker,
        _ turn: inout Turn
    ) {
        let code = epoll.wait(&events, blocks: !turn.hasBulky)
        guard code == 0 else { return waitFailed(code, &turn) }
        turn.failures = 0
        let now = Clock.now()
        let bulky = state.withLock { state -> Member? in
            for index in 0..<events.count {
                if events[index] == Epoll.timerToken {
                    turn.isTickDue = true
                } else if let member = state.table.take(events[index], now: now) {
                    turn.light.append(member)
                }
            }
            defer { turn.hasBulky = state.table.hasBulky }
            return state.table.takeBulky()
        }
        for member in turn.light where serve(member, worker, &turn, now) >= Self.bulkyBytes {
            state.withLock { $0.table.mark(member, isBulky: true) }
        }
        turn.light.removeAll(keepingCapacity: true)
        if let bulky, serve(bulky, worker, &turn, now) < Self.bulkyBytes {
            state.withLock { $0.table.mark(bulky, isBulky: false) }
        }
    }

    private func serve(_ member: Member, _ worker: Member.LoopWorker, _ turn: inout Turn, _ now: Milliseconds)
        -> Int
    {
        let received = member.serve(worker, now: now)
        turn.work &+= UInt64(truncatingIfNeeded: received) &+ Self.eventWork
        return received
    }

    /// A permanent error of epoll_pwait would make the loop spin, so the members return to their sources.
    private func waitFailed(_ code: Int32, _ turn: inout Turn) {
        guard code != EINTR else { return }
        turn.failures += 1
        turn.isTickDue = true
        guard turn.failures >= 3 else { return }
        for member in state.withLock({ $0.table.members }) {
            if !member.leave(self) { member.fail(code) }
        }
        if turn.failures == 3 { onFailure(code) }
        usleep(1000)
    }

    // MARK: - Ticks

    /// Returns quiet members to their sources, and reports. True if no member is left and the loop must end.
    private func endTick(_ turn: inout Turn) -> Bool {
        turn.isTickDue = false
        // Otherwise the timer would wake the loop again at once.
        if !epoll.clearTick() { epoll.tick(every: turn.interval) }
        let now = Clock.now()
        let (probes, quiet) = state.withLock { state in
            defer { state.probes = [] }
            guard now >= turn.nextReview else { return (state.probes, [Member]()) }
            // With many members each is served less often.
            let quietTime = min(max(30, Milliseconds(state.table.count) / 16), 500)
            let quiet = state.table.quiet(since: now &- quietTime, atMost: Self.mostLeaving)
            turn.nextReview = quiet.count < Self.mostLeaving ? now &+ quietTime / 2 : now
            return (state.probes, quiet)
        }
        for probe in probes { probe() }
        for member in quiet { _ = member.leave(self) }
        let isEmpty = state.withLock { state in
            guard state.table.count == 0, state.probes.isEmpty else { return false }
            state.isRunning = false
            return true
        }
        let interval = turn.interval
        let report = report(&turn)
        onTick(self, isEmpty ? Report(processor: 0, work: report.work) : report, now)
        // A loop that only waits for blocked output ticks less often.
        if isEmpty || turn.interval != interval { epoll.tick(every: isEmpty ? 0 : turn.interval) }
        return isEmpty
    }

    private func report(_ turn: inout Turn) -> Report {
        let time = Clock.nanoseconds(CLOCK_MONOTONIC)
        let processorTime = Clock.nanoseconds(CLOCK_THREAD_CPUTIME_ID)
        let elapsed = max(1, time &- turn.lastTick)
        let report = Report(
            processor: min(1, Double(processorTime &- turn.lastProcessorTime) / Double(elapsed)),
            work: turn.work
        )
        let isQuiet = turn.work == 0 && turn.nextReview > Clock.now()
        turn.interval = isQuiet ? min(2 * turn.interval, Self.slowTickTime) : Self.tickTime
        turn.lastTick = time
        turn.lastProcessorTime = processorTime
        turn.work = 0
        return report
    }
}
