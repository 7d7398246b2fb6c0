import Glibc

/// The answers that a client must get, and the checks of the server's calls on its socket: the model of a line server.
///
/// The server under test answers each line with its bytes in reverse order. After `quit` it ends the connection.
public final class Account {
    unowned let world: World
    unowned var socket: ClientSocket!
    /// Answers to what the server has received, not sent yet.
    private var owed = Bytes()
    /// The incomplete line that the server has received.
    private var partial: [UInt8] = []
    public private(set) var receivedCount = 0
    public private(set) var sentCount = 0
    private var requests = 0
    private var arrivedCount = 0
    private(set) var arrivedAtDrain: Int?
    /// An error that was injected: the connection may end at any point.
    public private(set) var fault: String?
    /// From this byte of the answers on, the line limit may have ended the connection: it was changed meanwhile.
    private var refusableFrom: Int?
    /// The session has ended the connection: nothing after this point is answered.
    private var isOver = false
    private var sawEnd = false
    public private(set) var isAccepted = false
    var age: Nanoseconds { world.now - acceptedAt }
    /// The PROXY header that must come before the bytes of the client, if any.
    public var plan: ProxyPlan?
    /// Whether the header that must come first is not complete yet.
    var awaitsHeader: Bool { plan.map { servedCount < $0.length } ?? false }
    private var isRefused: Bool { plan.map { !$0.isTrusted || !$0.isValid } ?? false }
    /// Whether any byte of the client was received.
    var isServed: Bool { servedCount > (plan?.length ?? 0) }
    /// Whether a process that could not read its record ends it. Then it counts for no client.
    var endsUncounted: Bool { fault != nil && isShutDown }
    /// How many received bytes were not discarded.
    private var servedCount: Int { receivedCount - discarded }
    /// The client that the connection counts for; nil until it is known.
    var key: [UInt8]? {
        guard let plan else { return socket.peer.address.key }
        guard !awaitsHeader, !isRefused else { return nil }
        return (plan.client ?? socket.peer.address).key
    }
    public private(set) var isShutDown = false
    public private(set) var isClosed = false
    private var acceptedAt: Nanoseconds = 0
    private var shutAt: Nanoseconds = 0
    private var lastProgress: Nanoseconds = 0
    private var lastTaken: Nanoseconds = 0
    private var discarded = 0
    /// Since when there has been input that the server has not begun to receive.
    private var unreadSince: Nanoseconds?
    /// Since when the client has been gone.
    private var goneSince: Nanoseconds?
    /// Since when the server could do something for this client.
    private var waitsSince: Nanoseconds?
    /// Since when bytes have been held for the client.
    private(set) var holdsSince: Nanoseconds = 0
    /// When it was last seen to wait for memory.
    private var wasPaused: Nanoseconds = 0
    /// Libdispatch could not watch the socket. Only the sweep notices that.
    var isUnwatched: Bool { unwatchedSince != nil }
    private var unwatchedSince: Nanoseconds?

    /// The clock is coarse, and a sweep reads it once for all that it looks at.
    private var tolerance: Nanoseconds { .milliseconds(10) + 400 * world.conditions.callTime }

    init(_ world: World) { self.world = world }

    public var owedCount: Int { owed.count }
    /// Bytes that the server must hold for this client.
    public var heldCount: Int { isShutDown || isClosed ? 0 : owed.count + partial.count }
    /// The same, but also counted while it is being closed.
    var heldAtEnd: Int { owed.count + partial.count }
    private var judge: Judge { world.judge }

    private func fail(_ text: String) { world.fail("client \(socket.peer.id): \(text)") }

    /// The time that the server uses: the first clock reading of the running thread for this event.
    private var readTime: Nanoseconds { min(world.now, world.scheduler.current?.clockReading ?? world.now) }

    // MARK: - What happens

    func accepted() {
        isAccepted = true
        acceptedAt = world.now
        lastProgress = world.now
        lastTaken = world.now
        holdsSince = world.now
        waitsSince = world.now
        judge.accepted(socket)
        if judge.drainStart != nil, arrivedAtDrain == nil { arrivedAtDrain = 0 }
    }

    func noteFault(_ what: String) { if fault == nil { fault = what } }
    func noteUnwatched() {
        unwatchedSince = world.now
        noteFault("an unwatched descriptor")
    }
    func noteReset() { goneSince = world.now }
    func drainBegan() { arrivedAtDrain = arrivedCount }
    func drainIsOff() { arrivedAtDrain = nil }
    func noteArrival() { if waitsSince == nil { waitsSince = world.now } }
    func arrived(_ count: Int) {
        arrivedCount += count
        if unreadSince == nil { unreadSince = world.now }
        noteArrival()
    }
    func noteTaken() {
        lastTaken = world.now
        if waitsSince == nil, !owed.isEmpty { waitsSince = world.now }
    }

    /// The server has received these bytes.
    func received(_ bytes: ArraySlice<UInt8>) {
        let ofHeader = min(bytes.count, max(0, (plan?.length ?? 0) - servedCount))
        let wasServed = isServed
        receivedCount += bytes.count
        unreadSince = world.now
        waitsSince = world.now
        if isShutDown {
            discarded += bytes.count
            if discarded > 64 << 20 {
                fail("\(discarded) bytes are discarded after the server's end of file")
            }
            return
        }
        if let plan, !plan.isTrusted {
            return fail("the server listens to a balancer that it must not trust")
        }
        if isRefused { return }
        if !wasServed, isServed { judge.checkShare(of: socket) }
        let bytes = bytes.dropFirst(ofHeader)
        if !owed.isEmpty { fail("the server reads on while \(owed.count) bytes of answers wait") }
        guard !isOver else { return }
        if partial.isEmpty { holdsSince = world.now }
        var rest = bytes
        while !isOver, let end = rest.firstIndex(of: 10) {
            partial += rest[..<end]
            rest = rest[(end + 1)...]
            answer(terminator: [10])
        }
        guard !isOver else { return }
        partial += rest
        checkLength()
        if isOver { partial = [] }
        judge.checkMemory()
        judge.checkMemory(of: socket)
        let most = judge.lineLimits.upperBound + (128 << 10)
        if owed.count + partial.count > most {
            fail("the server holds \(owed.count + partial.count) bytes, more than \(most)")
        }
    }

    private func answer(terminator: [UInt8]) {
        checkLength()
        guard !isOver else { return partial = [] }
        owed.append(partial.reversed())
        owed.append(terminator)
        requests += 1
        world.count("lines")
        if partial == Array("quit".utf8) { isOver = true }
        partial = []
    }

    private func checkLength() {
        if partial.count > judge.lineLimits.lowerBound, refusableFrom == nil {
            refusableFrom = sentCount + owed.count
        }
        if partial.count > judge.lineLimits.upperBound { isOver = true }
    }

    /// The server has seen the end of file, or an error.
    func receivedEnd() {
        guard !sawEnd else { return judge.noteFutileCall() }
        sawEnd = true
        guard !isShutDown, !isOver else { return }
        if !partial.isEmpty { answer(terminator: []) }
    }

    /// The server has sent these bytes.
    func sent(_ bytes: some Collection<UInt8>) {
        sentCount += bytes.count
        lastProgress = max(lastProgress, readTime)
        waitsSince = world.now
        guard !isShutDown else { return fail("the server sends after its end of file") }
        let expected = owed.first(bytes.count)
        guard expected.count == bytes.count else {
            return fail("the server sends \(bytes.count) bytes where \(owed.count) are owed")
        }
        guard expected.elementsEqual(bytes) else {
            return fail("a wrong answer, within byte \(sentCount) of the answers")
        }
        owed.drop(bytes.count)
    }

    func shutDown() {
        judgeEnd(isClose: false)
        isShutDown = true
        shutAt = readTime
        waitsSince = world.now
        owed.removeAll()
        partial = []
    }

    func closed() {
        isClosed = true
        judge.closed(socket)
        isShutDown ? judgeLingerEnd() : judgeEnd(isClose: true)
    }

    func destroyed(_ answers: Int, _ input: Int) {
        if answers > 0 { world.count("answers destroyed by a RST", answers) }
    }

    // MARK: - Checks

    /// A drain soon ends a connection that has no answers to send. Only others may last until its timeout.
    private func judgeCutOff() {
        guard let begin = judge.drainStart, fault == nil, isAccepted, owed.isEmpty, partial.isEmpty,
            !isOver, !sawEnd, !isUnwatched, socket.fruitless == 0, acceptedAt < begin,
            judge.quietTime(since: begin) > .milliseconds(900), !judge.hasStalled(since: begin),
            judge.memory.lowerBound >= 1 << 24
        else { return }
        fail("the drain did not reach it before its timeout")
    }

    private func judgeEnd(isClose: Bool) {
        let verb = isClose ? "closed" : "ended"
        if isClose, judge.isOver(world.now) { judgeCutOff() }
        if fault != nil || !isAccepted || judge.isOver(world.now) || judge.mayEnd(socket) { return }
        if let refusableFrom, sentCount >= refusableFrom { return }
        if isOver || sawEnd, owed.isEmpty { return }
        let time = readTime
        if isRefused {
            world.count("PROXY headers refused")
            return
        }
        if awaitsHeader,
            time + tolerance >= acceptedAt + min(judge.shortestFirstTimeout ?? .max, .milliseconds(5000))
        {
            world.count("PROXY headers too late")
            return
        }
        if let timeout = judge.shortestIdleTimeout, time + tolerance >= lastProgress + timeout {
            world.count("idle timeouts")
            judgeUnread()
            if !isClose, !owed.isEmpty {
                fail("ended for its idleness with \(owed.count) bytes of answers unsent")
            }
            // Right after a stall the server cannot know when the answers were taken.
            let stoodStill = judge.hasStalled(since: world.now - timeout)
            if isClose, !stoodStill, world.now + tolerance < lastTaken + timeout {
                fail("closed for its idleness while it takes its answers")
            }
            return
        }
        if let timeout = judge.shortestFirstTimeout, sentCount == 0,
            time + tolerance >= acceptedAt + timeout
        {
            world.count("first request timeouts")
            judgeUnread()
            if !owed.isEmpty { fail("ended before its first answer was sent") }
            return
        }
        guard judge.isEnding, !isOver, !sawEnd else {
            return fail(
                "\(verb) without a reason, \(owed.count) bytes of answers unsent, \(partial.count) of a line kept"
            )
        }
        if isClose { return fail("cut off before the drain timeout") }
        if receivedCount == 0, world.now + tolerance < acceptedAt + .milliseconds(200) {
            return fail("drained before a new client had time for its first request")
        }
        if !owed.isEmpty { fail("drained with \(owed.count) bytes of answers unsent") }
        let unread = (arrivedAtDrain ?? 0) - receivedCount
        if unread > 0, socket.inbound.first(unread).contains(10) {
            fail("drained, but a line that had arrived was not read")
        }
    }

    /// Input that has arrived is received before a client is ended for a missing line. During a drain, only input that had
    /// arrived before it counts.
    private func judgeUnread() {
        let count = judge.isEnding ? max(0, (arrivedAtDrain ?? 0) - receivedCount) : .max
        guard owed.isEmpty, !isRefused, !awaitsHeader, socket.fruitless == 0,
            socket.inbound.first(count).contains(10), let unreadSince, unreadSince + tolerance < world.now,
            !judge.isPaused(socket)
        else { return }
        fail("ended for a missing line that had arrived")
    }

    private func judgeLingerEnd() {
        if fault != nil || sawEnd || judge.isOver(world.now) || discarded >= 64 << 20
            || socket.fruitless >= 20
        {
            return
        }
        let time = world.now + tolerance
        if time < shutAt + .milliseconds(2000) {
            return fail("closed \((world.now - shutAt) / 1_000_000) ms after the server's end of file")
        }
        if !socket.outbound.isEmpty, time < lastTaken + .milliseconds(2000),
            time < shutAt + judge.shortestDrainTimeout
        {
            fail("the linger ends while the client takes its answers")
        }
    }

    /// No connection lasts longer than the timeouts allow.
    private func checkPresence() {
        let patience = .milliseconds(2500) + tolerance
        func isLate(_ since: Nanoseconds, _ timeout: Nanoseconds) -> Bool {
            timeout < .max && judge.quietTime(since: since) > timeout + patience
                && judge.quietTime(since: judge.timeoutsSince) > patience
        }
        if let goneSince, isLate(max(goneSince, acceptedAt), 0) {
            return fail("it is gone, and still connected")
        }
        if let unwatchedSince, isLate(unwatchedSince, 0) {
            return fail("it cannot be watched, and is still connected")
        }
        if isShutDown {
            if isLate(shutAt, judge.longestDrainTimeout + .milliseconds(4000)) {
                fail("it lingers for longer than the drain timeout")
            }
            return
        }
        guard !isUnwatched, owed.isEmpty else { return }
        if let drainStart = judge.drainStart {
            guard fault == nil, socket.fruitless == 0, !judge.isPaused(socket),
                isLate(max(drainStart, acceptedAt, lastProgress), 0)
            else { return }
            return fail("the drain did not reach it, although it has all its answers")
        }
        if isLate(max(lastProgress, acceptedAt), judge.longestIdleTimeout) {
            fail("it stays beyond the idle timeout")
        }
        if sentCount == 0, isLate(acceptedAt, judge.longestFirstTimeout) {
            fail("it stays beyond the timeout of the first request")
        }
    }

    /// Called while no thread can run: every connection that waits now waits for a timer or for its client.
    func checkWakeUp() {
        guard isAccepted, !isClosed else { return }
        checkPresence()
        guard let since = waitsSince else { return }
        if let plan, isRefused, fault == nil, !plan.isTrusted || receivedCount == plan.length,
            judge.quietTime(since: since) > .milliseconds(100)
        {
            return fail("a refused balancer stays connected")
        }
        let canRead = socket.isReadable && (owed.isEmpty || isShutDown)
        let canWrite = !owed.isEmpty && (socket.hasSpace || socket.wasReset)
        guard canRead || canWrite else {
            waitsSince = nil
            return
        }
        if judge.isPaused(socket) { wasPaused = world.now }
        // After events without effect a connection backs off, even if the sweep then receives something.
        let backsOff = socket.fruitless > 0 || world.now < socket.lastFruitless + .milliseconds(300)
        let patience: Nanoseconds = .milliseconds(isUnwatched || fault != nil ? 2500 : backsOff ? 1000 : 100)
        guard judge.quietTime(since: max(since, wasPaused)) > patience else { return }
        fail(
            canWrite
                ? "\(owed.count) bytes of answers wait although the socket takes them"
                : "\(socket.inbound.count) bytes of input wait and nobody watches the socket"
        )
    }
}
