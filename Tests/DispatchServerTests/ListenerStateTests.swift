import Glibc
import Testing

@testable import DispatchServer

@Suite("The state of a listener")
struct ListenerStateTests {
    private typealias State = ListenerState
    private typealias Action = ListenerState.Action

    /// One listener in each phase, by the events that lead there.
    private enum Start: CaseIterable, Sendable {
        case opened, accepting, waitingForSlot, backingOff, closed

        var state: State {
            var state = State()
            if self == .opened { return state }
            _ = state.start()
            switch self {
            case .waitingForSlot: _ = state.foundNoSlot(now: 1000)
            case .backingOff: _ = state.failed(EMFILE, now: 1000)
            case .closed: _ = state.close()
            case .opened, .accepting: break
            }
            return state
        }
    }

    private struct Expected {
        var actions: [Action]
        /// Nil: the phase stays.
        var phase: State.Phase?

        init(_ actions: [Action], _ phase: State.Phase? = nil) {
            self.actions = actions
            self.phase = phase
        }
    }

    private func check(
        _ expected: [Start: Expected],
        at location: SourceLocation = #_sourceLocation,
        _ event: (inout State) -> [Action]
    ) {
        for start in Start.allCases {
            var state = start.state
            let before = state.phase
            let actions = event(&state)
            // Any other event does nothing.
            let wanted = expected[start] ?? Expected([])
            #expect(actions == wanted.actions, "in \(start)", sourceLocation: location)
            #expect(state.phase == wanted.phase ?? before, "in \(start)", sourceLocation: location)
        }
    }

    // MARK: - The table

    @Test("when it is held: accepts nobody until it is released; a second time changes nothing")
    func hold() {
        check([
            .opened: Expected([], .held), .accepting: Expected([.unwatch], .held),
            .waitingForSlot: Expected([], .held), .backingOff: Expected([], .held),
        ]) { $0.hold() }
        var state = Start.accepting.state
        _ = state.hold()
        #expect(state.hold() == [] && state.phase == .held)
    }

    @Test("is as in the table")
    func phases() {
        let phases = Start.allCases.map(\.state.phase)
        #expect(phases == [.opened, .accepting, .waitingForSlot(since: 1000), .backingOff, .closed])
    }

    @Test("begins to accept once")
    func start() {
        check([.opened: Expected([.watch], .accepting)]) { $0.start() }
    }

    @Test("accepts when it is ready, and when the handshakes are over")
    func ready() {
        check([.accepting: Expected([.accept])]) { $0.ready() }
        check([.accepting: Expected([.accept])]) { $0.handshakesAreOver() }
    }

    @Test("waits where no slot is free")
    func noSlot() {
        check([.accepting: Expected([.unwatch, .awaitSlot], .waitingForSlot(since: 5000))]) {
            $0.foundNoSlot(now: 5000)
        }
    }

    @Test("accepts again when a slot is free")
    func slot() {
        check([.waitingForSlot: Expected([.countPause(4000), .watch, .accept], .accepting)]) {
            $0.slotIsFree(now: 5000)
        }
    }

    @Test("accepts again after its back-off")
    func rested() {
        check([.backingOff: Expected([.watch, .accept], .accepting)]) { $0.backOffIsOver() }
    }

    @Test("says that clients wait, if one does")
    func tick() {
        check([.waitingForSlot: Expected([.note(.paused(4000))])]) { $0.tick(clientWaits: true, now: 5000) }
        check([:]) { $0.tick(clientWaits: false, now: 5000) }
    }

    @Test("continues to accept when it leaves, and starts if it has not")
    func leave() {
        check([.opened: Expected([.watch], .accepting)]) { $0.leave(arrivedBy: 5000) }
    }

    @Test("closes once, from everywhere")
    func close() {
        let closed = Expected([.close], .closed)
        check([.opened: closed, .accepting: closed, .waitingForSlot: closed, .backingOff: closed]) {
            $0.close()
        }
    }

    @Test("gives up with a word, once")
    func givesUp() {
        let dead = Expected([.note(.dead(ENOSPC)), .close], .closed)
        check([.opened: dead, .accepting: dead, .waitingForSlot: dead, .backingOff: dead]) {
            $0.giveUp(ENOSPC)
        }
    }

    // MARK: - What an error means

    /// Every error of accept(2), and some that it never gives.
    @Test(
        "has a decision for each error, and takes none that it does not know for \"nobody waits\"",
        arguments: [
            (EAGAIN, .noClient), (EWOULDBLOCK, .noClient),
            (EINTR, .clientGone), (ECONNABORTED, .clientGone), (ENETDOWN, .clientGone), (EPROTO, .clientGone),
            (ENOPROTOOPT, .clientGone), (EHOSTDOWN, .clientGone), (ENONET, .clientGone),
            (EHOSTUNREACH, .clientGone), (ENETUNREACH, .clientGone),
            (EMFILE, .refused), (ENFILE, .refused), (ENOBUFS, .refused), (ENOMEM, .refused),
            (EPERM, .refused),
            (EACCES, .refused), (ENOSR, .refused), (ETIMEDOUT, .refused), (EIO, .refused), (0, .refused),
            (-1, .refused), (99_999, .refused), (.max, .refused), (.min, .refused),
            (EINVAL, .dead), (EBADF, .dead), (ENOTSOCK, .dead), (EOPNOTSUPP, .clientGone),
        ] as [(Int32, ListenerState.Failure)]
    )
    func failures(code: Int32, failure: ListenerState.Failure) {
        #expect(ListenerState.Failure(code) == failure)
        let rests: [Action] = [.unwatch, .backOff(State.backOffTime), .note(.failing(code, count: 1))]
        let expected: Expected =
            switch failure {
            case .noClient: Expected([])
            case .clientGone: Expected([.accept])
            case .refused: Expected(rests, .backingOff)
            case .dead: Expected([.note(.dead(code)), .close], .closed)
            }
        check([.accepting: expected]) { state in
            // Only an accept can fail, and only a listener that is ready accepts.
            _ = state.ready()
            return state.failed(code, now: 5000)
        }
    }

    // MARK: - What takes longer

    @Test("An error that says that the socket does not listen is looked into")
    func notListening() {
        for code in [EINVAL, EBADF, ENOTSOCK] {
            var alive = State()
            _ = alive.start()
            _ = alive.ready()
            #expect(alive.failed(code, isListening: { true }, now: 0).contains(.backOff(State.backOffTime)))
            var dead = State()
            _ = dead.start()
            _ = dead.ready()
            #expect(dead.failed(code, isListening: { false }, now: 0) == [.note(.dead(code)), .close])
        }
    }

    @Test("waits a moment if clients are announced again and again, and none is there")
    func announcedInVain() {
        var state = Start.accepting.state
        let fail: (inout State) -> [Action] = { state in
            #expect(state.ready() == [.accept])
            return state.failed(EAGAIN, now: 0)
        }
        for _ in 1..<State.acceptBudget { #expect(fail(&state) == []) }
        #expect(fail(&state) == [.unwatch, .backOff(State.backOffTime)])
        #expect(state.backOffIsOver() == [.watch, .accept])
        #expect(state.failed(EAGAIN, now: 300) == [])
        // One client that is there breaks the row.
        for _ in 2..<State.acceptBudget { #expect(fail(&state) == []) }
        #expect(state.ready() == [.accept])
        #expect(state.accepted() == [.accept])
        #expect(state.failed(EAGAIN, now: 400) == [])
        #expect(fail(&state) == [])
    }

    @Test("accepts so many in a row, then lets others have their turn")
    func budget() {
        var state = Start.accepting.state
        for _ in 0..<2 {
            #expect(state.ready() == [.accept])
            for _ in 1..<State.acceptBudget { #expect(state.accepted() == [.accept]) }
            #expect(state.accepted() == [])
        }
        // Clients that are gone count as well.
        #expect(state.ready() == [.accept])
        #expect(state.accepted() == [.accept])
        for _ in 2..<State.acceptBudget { #expect(state.failed(ECONNABORTED, now: 0) == [.accept]) }
        #expect(state.failed(ECONNABORTED, now: 0) == [])
    }

    @Test("tells of clients that wait once a minute, and when it accepts again only after that")
    func pauseNotices() {
        var state = Start.accepting.state
        // The end of a pause that was not logged is not logged either.
        _ = state.foundNoSlot(now: 1000)
        #expect(state.tick(clientWaits: false, now: 1500) == [])
        #expect(state.slotIsFree(now: 2000) == [.countPause(1000), .watch, .accept])

        _ = state.foundNoSlot(now: 3000)
        #expect(state.tick(clientWaits: true, now: 3500) == [.note(.paused(500))])
        #expect(state.tick(clientWaits: true, now: 4000) == [])
        #expect(
            state.slotIsFree(now: 5000) == [.countPause(2000), .note(.resumed(after: 2000)), .watch, .accept]
        )
        #expect(state.slotIsFree(now: 5000) == [])

        // Within the minute there is no new notice, neither of the pause nor of its end.
        _ = state.foundNoSlot(now: 6000)
        #expect(state.tick(clientWaits: true, now: 63_499) == [])
        #expect(state.slotIsFree(now: 63_499) == [.countPause(57_499), .watch, .accept])
        _ = state.foundNoSlot(now: 63_499)
        #expect(state.tick(clientWaits: true, now: 63_500) == [.note(.paused(1))])
        #expect(state.tick(clientWaits: true, now: 123_500) == [.note(.paused(60_001))])
    }

    @Test("tells of a system that refuses once a minute, with how often it did")
    func failureNotices() {
        var state = Start.accepting.state
        var notices: [(Milliseconds, Action)] = []
        for now in stride(from: Milliseconds(1000), through: 121_000, by: 200) {
            let actions = state.failed(EMFILE, now: now)
            #expect(actions.starts(with: [.unwatch, .backOff(State.backOffTime)]))
            if let notice = actions.dropFirst(2).first { notices.append((now, notice)) }
            #expect(state.backOffIsOver() == [.watch, .accept])
        }
        #expect(notices.map(\.0) == [1000, 61_000, 121_000])
        #expect(
            notices.map(\.1) == [
                .note(.failing(EMFILE, count: 1)), .note(.failing(EMFILE, count: 300)),
                .note(.failing(EMFILE, count: 300)),
            ]
        )
    }

    // MARK: - Leaving

    @Test("that leaves closes when no client waits and no handshake is in progress")
    func leaves() {
        var state = Start.accepting.state
        #expect(state.leave(arrivedBy: 1050) == [])
        #expect(state.ready() == [.accept])
        #expect(state.accepted() == [.accept])
        #expect(state.failed(EAGAIN, now: 1049) == [])
        #expect(state.handshakesAreOver() == [.accept])
        #expect(state.accepted() == [.accept])
        #expect(state.failed(EAGAIN, now: 1050) == [.close])
        #expect(state.phase == .closed)
    }

    @Test("that leaves without a free slot accepts those that wait when there is one, and then closes")
    func leavesWithoutSlot() {
        var state = Start.waitingForSlot.state
        #expect(state.leave(arrivedBy: 1050) == [])
        #expect(state.handshakesAreOver() == [])
        for now: Milliseconds in [2000, 3000] {
            #expect(state.slotIsFree(now: now) == [.countPause(1000), .watch, .accept])
            #expect(state.accepted() == [.accept])
            #expect(state.foundNoSlot(now: now) == [.unwatch, .awaitSlot])
        }
        #expect(state.slotIsFree(now: 4000) == [.countPause(1000), .watch, .accept])
        #expect(state.failed(EAGAIN, now: 4000) == [.close])
    }

    @Test("that leaves during a back-off continues after it")
    func leavesResting() {
        var state = Start.backingOff.state
        #expect(state.leave(arrivedBy: 1050) == [])
        #expect(state.handshakesAreOver() == [])
        #expect(state.backOffIsOver() == [.watch, .accept])
        #expect(state.failed(EAGAIN, now: 1200) == [.close])
    }

    @Test("that leaves accepts everybody that waits in one run: no event would close it after the last one")
    func leavesCrowd() {
        var state = Start.waitingForSlot.state
        _ = state.leave(arrivedBy: 1050)
        #expect(state.slotIsFree(now: 2000) == [.countPause(1000), .watch, .accept])
        for _ in 0..<3 * State.acceptBudget { #expect(state.accepted() == [.accept]) }
        #expect(state.failed(EAGAIN, now: 2000) == [.close])
    }

    @Test("that leaves and was held goes on when it is released: no event would close it")
    func releasedWhileItLeaves() {
        var state = Start.accepting.state
        _ = state.leave(arrivedBy: 10)
        #expect(state.hold() == [.unwatch])
        #expect(state.release() == [.watch, .accept])
        #expect(state.failed(EAGAIN, now: 10) == [.close])
    }

    @Test("backs off when one client after another is gone, and logs it")
    func goneForGood() {
        var state = Start.accepting.state
        _ = state.ready()
        for _ in 1..<State.acceptBudget { #expect(state.failed(EPROTO, now: 9) == [.accept]) }
        let rest = [Action.unwatch, .backOff(State.backOffTime)]
        #expect(state.failed(EPROTO, now: 9) == rest + [.note(.failing(EPROTO, count: 1))])
        _ = state.backOffIsOver()
        // A client, or no client: either way the listener continues.
        for _ in 0..<(2 * State.acceptBudget) {
            _ = state.ready()
            _ = state.failed(ECONNABORTED, now: 10)
            _ = state.accepted()
        }
        #expect(state.phase == .accepting)
    }
}
