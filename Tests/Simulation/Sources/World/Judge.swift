/// The invariants of the server as a whole. The scenario reports what was configured and ordered.
public final class Judge {
    unowned var world: World { World.current }
    /// The limits on a line that were in force while the present connections were served.
    public var lineLimits = 1 << 20...1 << 20
    public var shortestIdleTimeout: Nanoseconds?
    public var shortestFirstTimeout: Nanoseconds?
    public var shortestDrainTimeout: Nanoseconds = .max
    /// The longest timeouts that may be in force now, and since when; `.max` for none.
    public var timeoutsSince: Nanoseconds = 0
    public var longestIdleTimeout: Nanoseconds = 0
    public var longestFirstTimeout: Nanoseconds = 0
    public var longestDrainTimeout: Nanoseconds = 0
    /// The numbers of slots that may be in force now.
    public var slots = 1...1 {
        didSet {
            lastFull = world.now
            lastChange = world.now
            slotsBefore = oldValue.upperBound
        }
    }
    private var slotsBefore = 1
    private var recentlyClosed: [[UInt8]: [Nanoseconds]] = [:]
    private var lastChange: Nanoseconds = 0
    public private(set) var drainStart: Nanoseconds?
    private var drainEnd: Nanoseconds?
    private var openByClient: [Int: ClientSocket] = [:]
    /// The open connections, in a fixed order.
    public var open: [ClientSocket] { openByClient.values.sorted { $0.peer.id < $1.peer.id } }
    public var openCount: Int { openByClient.count }
    public private(set) var mostOpen = 0
    /// The limits on connections of one address, and on memory for all clients, that were in force.
    public var shares = Int.max...Int.max
    public var memory = Int.max...Int.max
    private var futileCalls = 0
    private var windowStart: Nanoseconds = 0
    /// When the whole process stood still, and for how long.
    private var stalls: [(at: Nanoseconds, length: Nanoseconds)] = []

    public init() {}

    // MARK: - What happens

    /// - Parameter slots: At least so many clients are served at once from now on, so that nobody waits in a backlog.
    public func drainBegan(timeout: Nanoseconds, slots least: Int) {
        drainStart = world.now
        slots = max(least, slots.lowerBound)...max(least, slots.upperBound)
        drainEnd = world.now + max(timeout, .milliseconds(100))
        shortestDrainTimeout = min(shortestDrainTimeout, timeout)
        for socket in open { socket.account.drainBegan() }
        for listener in world.kernel.listeners {
            for peer in listener.backlog { peer.socket.account.drainBegan() }
        }
    }

    /// Whether everything that is left may be cut off.
    public func isOver(_ now: Nanoseconds) -> Bool {
        if isHandOverPartial, let handOverStart, now >= handOverStart + .milliseconds(990) { return true }
        return drainEnd.map { now + .milliseconds(10) >= $0 } ?? false
    }

    func accepted(_ socket: ClientSocket) {
        openByClient[socket.peer.id] = socket
        mostOpen = max(mostOpen, openCount)
        world.count("clients accepted")
        // An accept that is under way when the number becomes smaller has its slot already.
        let most =
            world.now < lastChange + .milliseconds(50) ? max(slots.upperBound, slotsBefore) : slots.upperBound
        if drainStart == nil, openCount > most {
            world.fail("\(openCount) clients are connected, with \(slots.upperBound) slots")
        }
    }

    func closed(_ socket: ClientSocket) {
        if openCount >= slots.lowerBound { lastFull = world.now }
        openByClient[socket.peer.id] = nil
        if let key = socket.account.key, !socket.resetsOnClose {
            recentlyClosed[key, default: []].append(world.now)
        }
        progress()
    }

    public func stalled(_ length: Nanoseconds) { note(stallFrom: world.now, length) }

    private func note(stallFrom begin: Nanoseconds, _ length: Nanoseconds) {
        stalls.append((begin, length))
        if stalls.count > 64 { stalls.removeFirst() }
    }

    func hasStalled(since: Nanoseconds) -> Bool { stalls.contains { $0.at + $0.length > since } }

    /// How much time has passed in which the server could run.
    public func quietTime(since: Nanoseconds) -> Nanoseconds {
        let stalled = stalls.reduce(0 as Nanoseconds) { sum, stall in
            let end = stall.at + stall.length
            return end > since ? sum + end - max(stall.at, since) : sum
        }
        let passed = world.now - min(world.now, since)
        return passed - min(passed, stalled)
    }

    // MARK: - Hand-over

    /// Since when no connection is served, because a hand-over is under way.
    public private(set) var handOverStart: Nanoseconds?
    /// Whether some connections could not be handed over. They are ended as in a stop, within a second.
    private(set) var isHandOverPartial = false

    public func handOverBegan() {
        handOverStart = world.now
        for socket in open { socket.account.drainBegan() }
    }

    /// A process serves the connections again.
    public func handOverEnded() {
        guard let begin = handOverStart else { return }
        handOverStart = nil
        isHandOverPartial = false
        note(stallFrom: begin, world.now - begin)
        for socket in open { socket.account.drainIsOff() }
        for listener in world.kernel.listeners where listener.waitingSince != nil {
            listener.waitingSince = world.now
        }
        lastFull = world.now
    }

    func handOverFailed() {
        isHandOverPartial = true
        world.count("hand-overs refused in part")
    }

    /// The records of the connections could not be read.
    public func takeOverFailed(_ call: String) {
        for socket in open { socket.account.noteFault(call) }
    }

    /// Whether a connection may end as in a stop.
    var isEnding: Bool { drainStart != nil || isHandOverPartial }

    // MARK: - Shares of one client, and of memory

    private func others(of socket: ClientSocket) -> [ClientSocket] {
        guard let key = socket.account.key else { return [] }
        return open.filter { $0 !== socket && $0.account.key == key }
    }

    /// How many connections of the same client were closed just now. The server may have counted them before that.
    private func justLost(_ socket: ClientSocket) -> Int {
        guard let key = socket.account.key else { return 0 }
        return (recentlyClosed[key] ?? []).reversed().prefix { $0 + .milliseconds(50) > world.now }.count
    }

    func checkShare(of socket: ClientSocket) {
        // A drain lifts the limit, because clients in a backlog are connected already.
        guard drainStart == nil else { return }
        let served = others(of: socket).filter { $0.account.isServed && !$0.account.endsUncounted }.count + 1
        if served > shares.upperBound {
            let all = (others(of: socket) + [socket]).map { "\($0.peer.id)" }.joined(separator: ", ")
            world.fail(
                "\(served) connections of one client are served, with a limit of \(shares.upperBound): \(all)"
            )
        }
    }

    private var held: Int { openByClient.values.reduce(0) { $0 + $1.account.heldCount } }

    /// The limit for all, plus what each client may always hold, plus what is just being received.
    func checkMemory() {
        guard memory.upperBound < 1 << 40 else { return }
        let conditions = world.conditions
        let most =
            memory.upperBound + openCount * 5120 + (conditions.threads + conditions.processors + 1)
            * (128 << 10)
        if held > most { world.fail("\(held) bytes are held for all clients, more than \(most)") }
    }

    /// One client may hold as much as it leaves free, plus what it received last. Its memory may have grown beyond that.
    func checkMemory(of socket: ClientSocket) {
        guard memory.upperBound < 1 << 40 else { return }
        // Memory grows up to fourfold at once, as far as it was free before that: at most to four fifths of the limit.
        let most = max((memory.upperBound + (128 << 10)) / 2, memory.upperBound / 5 * 4) + 5120
        if socket.account.heldCount > most {
            world.fail(
                "\(socket.account.heldCount) bytes are held for client \(socket.peer.id), more than \(most)"
            )
        }
    }

    /// Whether the server may end a connection because others wait, or because its events are without effect.
    func mayEnd(_ socket: ClientSocket) -> Bool {
        if socket.account.isClosed, !socket.account.isServed, socket.account.sentCount == 0,
            others(of: socket).count + justLost(socket) >= shares.lowerBound
        {
            world.count("clients refused")
            return true
        }
        if socket.fruitless >= 36 { return true }
        return memory.lowerBound < 1 << 24 && socket.account.heldAtEnd > 0
            && world.now >= socket.account.holdsSince + .milliseconds(9_900)
    }

    /// Whether it may wait for memory. The limit applies to allocated memory, which is up to twice of what is held.
    func isPaused(_ socket: ClientSocket) -> Bool {
        memory.lowerBound < 1 << 24 && socket.account.heldCount > 0 && held > memory.lowerBound / 8
    }

    // MARK: - No busy loop

    /// Counts a call without effect.
    func noteFutileCall() {
        if world.now > windowStart + 1_000_000_000 {
            windowStart = world.now
            futileCalls = 0
        }
        futileCalls += 1
        if futileCalls == 5000 {
            world.fail(
                "busy for nothing: 5,000 calls in \((world.now - windowStart) / 1_000_000) ms achieved nothing"
            )
        }
    }

    func progress() { if futileCalls > 0 { futileCalls -= 1 } }

    // MARK: - Every pause has a wake-up

    public func checkWakeUps() {
        guard handOverStart == nil else { return }
        for socket in open { socket.account.checkWakeUp() }
        for listener in world.kernel.listeners where listener.isListening && !listener.isDead {
            guard let since = listener.waitingSince, openCount < slots.lowerBound else { continue }
            let from = max(since, listener.refusal?.until ?? 0, lastFull)
            guard quietTime(since: from) > .milliseconds(800) else { continue }
            world.fail(
                "\(listener.backlog.count) clients wait in the backlog of \(listener.name) with \(openCount) of \(slots.lowerBound) slots in use"
            )
        }
        for listener in world.kernel.listeners where listener.ignoresNewcomers && !listener.hadFault {
            guard let since = listener.emptySince, openCount < slots.lowerBound,
                quietTime(since: max(since, lastFull, listener.refusal?.until ?? 0)) > .milliseconds(1500)
            else { continue }
            world.fail("\(listener.name) has left, nobody waits there, and it stays open")
        }
        if openCount >= slots.lowerBound { lastFull = world.now }
    }
    private var lastFull: Nanoseconds = 0
}
