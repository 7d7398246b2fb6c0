import Glibc

/// The life of one listening socket: what to do next. It performs no I/O and reads no clock; `Listener` performs the actions.
///
///     opened ──▶ accepting ◀──▶ waitingForSlot
///                    ▲
///                    ├──▶ resting (the system refused; try again in a moment)
///                    └──▶ held (another process is about to accept here; from the others, too)
///
/// A listener that leaves (`leave`) goes on until nobody is on the way to it any more, and is then closed. From any state,
/// `close` and a dead socket lead to closed.
struct ListenerState: Sendable {
    /// What the driver must do, in this order.
    enum Action: Equatable {
        /// Take a slot and accept, then call `accepted`, `foundNoSlot` or `failed`.
        case accept
        /// Watch the socket for clients.
        case watch
        /// Do not watch it.
        case unwatch
        /// Call `slotIsFree` when a slot is free, at once if one is.
        case awaitSlot
        /// Count a pause of this length.
        case countPause(Milliseconds)
        /// Call `rested` after this time.
        case rest(Milliseconds)
        case note(Notice)
        /// Close the socket.
        case close
    }

    /// What the log must say.
    enum Notice: Equatable {
        /// Clients wait because no slot has been free for this long.
        case paused(Milliseconds)
        case resumed(after: Milliseconds)
        /// The system refused to accept, so many times since the last notice.
        case failing(Int32, count: Int)
        /// The socket does not listen any more.
        case dead(Int32)
    }

    /// What an `errno` of accept4(2) means. Nothing unknown counts as "nobody there": an error that stays would spin.
    enum Failure: Equatable {
        /// Nobody waits.
        case nobody
        /// The client that waited is gone already; another may wait.
        case clientGone
        /// The system is short of something, forbids it, or gave an error that this table does not know.
        case refused
        /// The socket is not, or no longer, a listening one.
        case dead

        init(_ code: Int32) {
            self =
                switch code {
                case EAGAIN: .nobody
                // accept(2): a network error that is pending on the new socket is passed on.
                case EINTR, ECONNABORTED, ENETDOWN, EPROTO, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH,
                    EOPNOTSUPP, ENETUNREACH:
                    .clientGone
                case EINVAL, EBADF, ENOTSOCK: .dead
                default: .refused
                }
        }
    }

    enum Phase: Equatable {
        case opened
        case accepting
        case waitingForSlot(since: Milliseconds)
        case resting
        case held
        case closed
    }

    /// How many clients are accepted in a row before others on the queue have their turn.
    static let acceptBudget = 64
    /// How long to rest after the system has refused.
    static let restTime: Milliseconds = 200
    /// Notices of one kind come at most this often.
    static let noticeInterval: Milliseconds = 60_000

    private(set) var phase = Phase.opened
    /// When the last handshakes on the way to a leaving listener are over.
    private var leavesAt: Milliseconds?
    private var budget = 0
    /// How many clients in a row were gone before they were accepted.
    private var gone = 0
    private var nextPausedNotice: Milliseconds = 0
    private var hasNotedPause = false
    private var nextFailureNotice: Milliseconds = 0
    private var failures = 0

    /// Begins to accept. The socket has been listening since it was opened, so nobody was refused meanwhile.
    mutating func start() -> [Action] {
        guard phase == .opened else { return [] }
        phase = .accepting
        return [.watch]
    }

    /// Somebody waits, or may wait.
    mutating func ready() -> [Action] {
        guard phase == .accepting else { return [] }
        budget = Self.acceptBudget
        return [.accept]
    }

    mutating func accepted() -> [Action] {
        guard phase == .accepting else { return [] }
        budget -= 1
        gone = 0
        // A listener that leaves goes on until nobody waits: that closes it, and no event would come for it later.
        return budget > 0 || leavesAt != nil ? [.accept] : []
    }

    /// Accepting failed.
    ///
    /// - Parameter isListening: Whether the socket still listens; asked only where the error says that it does not.
    mutating func failed(_ code: Int32, isListening: () -> Bool = { false }, now: Milliseconds)
        -> [Action]
    {
        guard phase == .accepting else { return [] }
        var failure = Failure(code)
        if failure == .dead, isListening() { failure = .refused }
        switch failure {
        case .nobody:
            gone = 0
            return hasLeft(now) ? close() : []
        case .clientGone:
            budget -= 1
            gone += 1
            // Not one that can be accepted among so many: the error may be one that stays.
            if gone >= Self.acceptBudget { return rest(code, now) }
            return budget > 0 ? [.accept] : []
        case .refused:
            return rest(code, now)
        case .dead:
            return giveUp(code)
        }
    }

    /// The socket is of no use any more.
    mutating func giveUp(_ code: Int32) -> [Action] {
        phase == .closed ? [] : [.note(.dead(code))] + close()
    }

    mutating func foundNoSlot(now: Milliseconds) -> [Action] {
        guard phase == .accepting else { return [] }
        phase = .waitingForSlot(since: now)
        return [.unwatch, .awaitSlot]
    }

    mutating func slotIsFree(now: Milliseconds) -> [Action] {
        guard case .waitingForSlot(let since) = phase else { return [] }
        let notice = hasNotedPause ? [Action.note(.resumed(after: now &- since))] : []
        hasNotedPause = false
        return [.countPause(now &- since)] + notice + acceptAgain()
    }

    mutating func rested() -> [Action] {
        phase == .resting ? acceptAgain() : []
    }

    /// Time has passed. A pause is noted only when a client waits.
    ///
    /// - Parameter clientWaits: Asked only of a socket that is still open.
    mutating func tick(clientWaits: @autoclosure () -> Bool, now: Milliseconds) -> [Action] {
        guard case .waitingForSlot(let since) = phase, now >= nextPausedNotice, clientWaits() else {
            return []
        }
        nextPausedNotice = now &+ Self.noticeInterval
        hasNotedPause = true
        return [.note(.paused(now &- since))]
    }

    /// Nobody can find the socket any more; those on their way arrive until `arrivedBy`.
    mutating func leave(arrivedBy: Milliseconds) -> [Action] {
        leavesAt = arrivedBy
        return start() + release()
    }

    /// Accepts nobody for now. Who comes waits in the backlog, for another process or for `release`.
    mutating func hold() -> [Action] {
        switch phase {
        case .accepting:
            phase = .held
            return [.unwatch]
        case .opened, .waitingForSlot, .resting:
            // Not watched as it is.
            phase = .held
            return []
        case .held, .closed:
            return []
        }
    }

    /// Accepts again.
    mutating func release() -> [Action] {
        guard phase == .held else { return [] }
        // One that leaves ends when nobody waits, for which no event would come.
        guard leavesAt == nil else { return acceptAgain() }
        phase = .accepting
        return [.watch]
    }

    /// The handshakes on the way to a leaving listener are over.
    mutating func handshakesAreOver() -> [Action] {
        ready()
    }

    mutating func close() -> [Action] {
        guard phase != .closed else { return [] }
        phase = .closed
        return [.close]
    }

    private mutating func rest(_ code: Int32, _ now: Milliseconds) -> [Action] {
        phase = .resting
        gone = 0
        failures += 1
        var actions = [Action.unwatch, .rest(Self.restTime)]
        if now >= nextFailureNotice {
            actions.append(.note(.failing(code, count: failures)))
            nextFailureNotice = now &+ Self.noticeInterval
            failures = 0
        }
        return actions
    }

    private mutating func acceptAgain() -> [Action] {
        phase = .accepting
        budget = Self.acceptBudget
        return [.watch, .accept]
    }

    private func hasLeft(_ now: Milliseconds) -> Bool { leavesAt.map { now >= $0 } ?? false }
}
