import Glibc

/// The state machine of one listening socket: it decides what to do next. It performs no I/O and reads no clock; `Listener`
/// performs the actions.
///
///     opened ──▶ accepting ◀──▶ waitingForSlot
///                    ▲
///                    ├──▶ backingOff (accept failed; try again later)
///                    └──▶ held (another process is about to accept here; also from opened, waitingForSlot, backingOff)
///
/// After `leave` a listener accepts until no client is on its way to it, and is then closed. From any state, `close` and a
/// dead socket lead to closed.
struct ListenerState: Sendable {
    /// What `Listener` must do, in this order.
    enum Action: Equatable {
        /// Take a slot and accept, then call `accepted`, `foundNoSlot` or `failed`.
        case accept
        /// Watch the socket for clients.
        case watch
        /// Do not watch it.
        case unwatch
        /// Call `slotIsFree` once a slot is free, which may be at once.
        case awaitSlot
        /// Count a pause of this length.
        case countPause(Milliseconds)
        /// Call `backOffIsOver` after this time.
        case backOff(Milliseconds)
        case note(Notice)
        /// Close the socket.
        case close
    }

    /// What the log must say.
    enum Notice: Equatable {
        /// Clients wait: no slot has been free for this long.
        case paused(Milliseconds)
        case resumed(after: Milliseconds)
        /// accept4(2) failed, this many times since the last notice.
        case failing(Int32, count: Int)
        /// The socket no longer listens.
        case dead(Int32)
    }

    /// What an `errno` of accept4(2) means. An unknown one does not count as "no client": if it stayed, the listener would spin.
    enum Failure: Equatable {
        /// No client waits.
        case noClient
        /// The client that waited is gone; another may wait.
        case clientGone
        /// The system lacks a resource, forbids it, or gave an error that this table does not know.
        case refused
        /// The socket does not listen (any more).
        case dead

        init(_ code: Int32) {
            self =
                switch code {
                case EAGAIN: .noClient
                // accept(2) also returns network errors that are pending on the new socket.
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
        case backingOff
        case held
        case closed
    }

    /// How many clients are accepted in a row before other work on the queue gets a thread.
    static let acceptBudget = 64
    /// How long to wait after a failed accept.
    static let backOffTime: Milliseconds = 200
    /// The shortest time between two notices of one kind.
    static let noticeInterval: Milliseconds = 60_000

    private(set) var phase = Phase.opened
    /// When the last handshakes with a leaving listener have completed.
    private var leavesAt: Milliseconds?
    private var budget = 0
    /// How many clients in a row were gone, or taken by another process, when they were to be accepted.
    private var gone = 0
    private var nextPausedNotice: Milliseconds = 0
    private var hasNotedPause = false
    private var nextFailureNotice: Milliseconds = 0
    private var failures = 0

    /// Starts to accept. The socket has listened since it was opened, so clients have waited in its backlog.
    mutating func start() -> [Action] {
        guard phase == .opened else { return [] }
        phase = .accepting
        return [.watch]
    }

    /// A client waits, or may wait.
    mutating func ready() -> [Action] {
        guard phase == .accepting else { return [] }
        budget = Self.acceptBudget
        return [.accept]
    }

    mutating func accepted() -> [Action] {
        guard phase == .accepting else { return [] }
        budget -= 1
        gone = 0
        // A leaving listener accepts without a budget until no client waits. It closes then; no later event would close it.
        return budget > 0 || leavesAt != nil ? [.accept] : []
    }

    /// Accepting failed.
    ///
    /// - Parameter isListening: Returns whether the socket still listens. Called only if the error says that it does not.
    mutating func failed(_ code: Int32, isListening: () -> Bool = { false }, now: Milliseconds)
        -> [Action]
    {
        guard phase == .accepting else { return [] }
        var failure = Failure(code)
        if failure == .dead, isListening() { failure = .refused }
        switch failure {
        case .noClient:
            if hasLeft(now) { return close() }
            // Another process may have taken the client that was announced, but not always.
            gone = budget == Self.acceptBudget ? gone + 1 : 0
            return gone >= Self.acceptBudget ? rest() : []
        case .clientGone:
            budget -= 1
            gone += 1
            // After this many in a row the error may be permanent.
            if gone >= Self.acceptBudget { return backOff(code, now) }
            return budget > 0 ? [.accept] : []
        case .refused:
            return backOff(code, now)
        case .dead:
            return giveUp(code)
        }
    }

    /// The socket cannot be used any more.
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

    mutating func backOffIsOver() -> [Action] {
        phase == .backingOff ? acceptAgain() : []
    }

    /// Logs a long pause, if a client waits.
    ///
    /// - Parameter clientWaits: Evaluated only if the socket is still open.
    mutating func tick(clientWaits: @autoclosure () -> Bool, now: Milliseconds) -> [Action] {
        guard case .waitingForSlot(let since) = phase, now >= nextPausedNotice, clientWaits() else {
            return []
        }
        nextPausedNotice = now &+ Self.noticeInterval
        hasNotedPause = true
        return [.note(.paused(now &- since))]
    }

    /// New clients no longer reach the socket. Handshakes that have begun complete by `arrivedBy`.
    mutating func leave(arrivedBy: Milliseconds) -> [Action] {
        leavesAt = arrivedBy
        return start() + release()
    }

    /// Stops accepting for now. Clients wait in the backlog, for another process or for `release`.
    mutating func hold() -> [Action] {
        switch phase {
        case .accepting:
            phase = .held
            return [.unwatch]
        case .opened, .waitingForSlot, .backingOff:
            // Not watched in these states.
            phase = .held
            return []
        case .held, .closed:
            return []
        }
    }

    /// Accepts again.
    mutating func release() -> [Action] {
        guard phase == .held else { return [] }
        // A leaving listener is closed when no client waits; no event reports that.
        guard leavesAt == nil else { return acceptAgain() }
        phase = .accepting
        return [.watch]
    }

    /// The last handshakes with a leaving listener have completed.
    mutating func handshakesAreOver() -> [Action] {
        ready()
    }

    mutating func close() -> [Action] {
        guard phase != .closed else { return [] }
        phase = .closed
        return [.close]
    }

    private mutating func rest() -> [Action] {
        phase = .backingOff
        gone = 0
        return [.unwatch, .backOff(Self.backOffTime)]
    }

    private mutating func backOff(_ code: Int32, _ now: Milliseconds) -> [Action] {
        failures += 1
        var actions = rest()
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
