import Glibc
import Testing

@testable import DispatchServer

private typealias State = ConnectionState
private typealias Action = ConnectionState.Action
private typealias Phase = ConnectionState.Phase

/// The connections of the table: one in each phase, by the events that lead there. All are accepted at 1000.
private enum Start: CaseIterable, Sendable {
    case serving, drainServing, sending, sendingLast, drainSending, lingering, closed

    static let accepted: Milliseconds = 1000
    /// When the lingering one sent its FIN.
    static let finished: Milliseconds = 1010

    var state: State {
        var state = State(connectedAt: Self.accepted)
        switch self {
        case .serving: break
        case .drainServing: _ = state.drain(arrived: 30, now: 1005)
        case .sending: _ = state.received(10, SessionStep(consumed: 8, requests: 1), answer: 8, now: 1005)
        case .sendingLast:
            _ = state.reachedEndOfFile(SessionStep(consumed: 8, requests: 1), answer: 8, now: 1005)
        case .drainSending:
            _ = state.received(10, SessionStep(consumed: 8, requests: 1), answer: 8, now: 1005)
            _ = state.drain(arrived: 30, now: 1006)
        case .lingering:
            _ = state.received(
                10,
                SessionStep(consumed: 0, requests: 0, ending: .refused("no")),
                answer: 0,
                now: Self.finished
            )
        case .closed: _ = state.abort()
        }
        return state
    }

    static func lingering(
        _ reason: EndReason,
        at now: Milliseconds = 2000,
        allowance: Int = State.lingerAllowance
    ) -> Phase {
        .lingering(
            .init(reason: reason, allowance: allowance, until: now + State.lingerTimeout, since: now)
        )
    }
}

/// The table state × event: every event in every phase, at 2000 ms.
@Suite("The state of a connection")
struct ConnectionStateTests {
    private struct Expected {
        var action: Action?
        /// Nil: the phase stays.
        var phase: Phase?

        init(_ action: Action?, _ phase: Phase? = nil) {
            self.action = action
            self.phase = phase
        }
    }

    /// Applies an event in each phase and compares what comes out.
    private func check(
        _ expected: [Start: Expected],
        at location: SourceLocation = #_sourceLocation,
        _ event: (inout State) -> Action?
    ) {
        for start in Start.allCases {
            var state = start.state
            let before = state.phase
            let action = event(&state)
            // Any other event does nothing.
            let wanted = expected[start] ?? Expected(.nothing)
            #expect(action == wanted.action, "in \(start)", sourceLocation: location)
            #expect(state.phase == wanted.phase ?? before, "in \(start)", sourceLocation: location)
            #expect(state.isClosed == (state.phase == .closed), sourceLocation: location)
        }
    }

    private static let now: Milliseconds = 2000
    private static let closedLingering = Expected(.close(.refused("no")), .closed)

    @Test("begins by serving, and each phase is that of the table")
    func phases() {
        #expect(Start.serving.state.phase == .serving(remaining: nil))
        #expect(Start.drainServing.state.phase == .serving(remaining: 30))
        #expect(Start.sending.state.phase == .sending(.init(unsent: 8, next: .serve(remaining: nil))))
        #expect(Start.sendingLast.state.phase == .sending(.init(unsent: 8, next: .finish(.finished))))
        #expect(Start.drainSending.state.phase == .sending(.init(unsent: 8, next: .serve(remaining: 30))))
        #expect(Start.lingering.state.phase == Start.lingering(.refused("no"), at: Start.finished))
        #expect(Start.closed.state.phase == .closed)
    }

    @Test("when the socket is ready: receives, sends, or discards")
    func ready() {
        check([
            .serving: Expected(.receive(atMost: .max)),
            .drainServing: Expected(.receive(atMost: 30)),
            .sending: Expected(.send(8)),
            .sendingLast: Expected(.send(8)),
            .drainSending: Expected(.send(8)),
            .lingering: Expected(.discard(atMost: State.lingerAllowance)),
        ]) { $0.ready() }
    }

    @Test("when bytes came that are no request yet: waits for more, unless it drains and has them all")
    func receivedPart() {
        let step = SessionStep(consumed: 0, requests: 0)
        check([
            .serving: Expected(.waitForInput),
            .drainServing: Expected(.waitForInput, .serving(remaining: 20)),
        ]) { $0.received(10, step, answer: 0, now: Self.now) }
        check([
            .serving: Expected(.waitForInput),
            .drainServing: Expected(.checkForEndOfFile, .serving(remaining: 0)),
        ]) { $0.received(30, step, answer: 0, now: Self.now) }
    }

    @Test("when a request came: sends the answer, then serves on")
    func receivedRequest() {
        check([
            .serving: Expected(.send(5), .sending(.init(unsent: 5, next: .serve(remaining: nil)))),
            .drainServing: Expected(.send(5), .sending(.init(unsent: 5, next: .serve(remaining: 20)))),
        ]) { $0.received(10, SessionStep(consumed: 10, requests: 1), answer: 5, now: Self.now) }
    }

    @Test("when the session has finished: sends the answer, then our FIN")
    func receivedLastRequest() {
        let step = SessionStep(consumed: 10, requests: 1, ending: .finished)
        let sending = Phase.sending(.init(unsent: 5, next: .finish(.completed)))
        check([.serving: Expected(.send(5), sending), .drainServing: Expected(.send(5), sending)]) {
            $0.received(10, step, answer: 5, now: Self.now)
        }
        let lingering = Expected(.shutDown, Start.lingering(.completed))
        check([.serving: lingering, .drainServing: lingering]) {
            $0.received(10, step, answer: 0, now: Self.now)
        }
    }

    @Test("when the session refused: sends its answers, then our FIN")
    func receivedRefused() {
        let step = SessionStep(consumed: 10, requests: 0, ending: .refused("bad"))
        let sending = Phase.sending(.init(unsent: 5, next: .finish(.refused("bad"))))
        check([.serving: Expected(.send(5), sending), .drainServing: Expected(.send(5), sending)]) {
            $0.received(10, step, answer: 5, now: Self.now)
        }
        let lingering = Expected(.shutDown, Start.lingering(.refused("bad")))
        check([.serving: lingering, .drainServing: lingering]) {
            $0.received(10, step, answer: 0, now: Self.now)
        }
    }

    @Test("at the end of file: sends the last answer, or closes at once")
    func endOfFile() {
        let step = SessionStep(consumed: 5, requests: 1)
        let sending = Phase.sending(.init(unsent: 5, next: .finish(.finished)))
        check([.serving: Expected(.send(5), sending), .drainServing: Expected(.send(5), sending)]) {
            $0.reachedEndOfFile(step, answer: 5, now: Self.now)
        }
        let closed = Expected(.close(.finished), .closed)
        check([.serving: closed, .drainServing: closed]) {
            $0.reachedEndOfFile(SessionStep(consumed: 0, requests: 0), answer: 0, now: Self.now)
        }
    }

    @Test("at the end of file of a client that the session refuses: says so")
    func endOfFileRefused() {
        let step = SessionStep(consumed: 0, requests: 0, ending: .refused("bad"))
        let lingering = Expected(.shutDown, Start.lingering(.refused("bad")))
        check([.serving: lingering, .drainServing: lingering]) {
            $0.reachedEndOfFile(step, answer: 0, now: Self.now)
        }
    }

    @Test("when more input follows the bytes that had arrived: sends our FIN")
    func noEndOfFile() {
        let lingering = Expected(.shutDown, Start.lingering(.drained))
        check([.serving: lingering, .drainServing: lingering]) { $0.foundNoEndOfFile(now: Self.now) }
    }

    @Test("when a part was sent, or nothing: waits for output")
    func sentPart() {
        for count in [0, 3] {
            let unsent = 8 - count
            check([
                .sending: Expected(
                    .waitForOutput,
                    .sending(.init(unsent: unsent, next: .serve(remaining: nil)))
                ),
                .sendingLast: Expected(
                    .waitForOutput,
                    .sending(.init(unsent: unsent, next: .finish(.finished)))
                ),
                .drainSending: Expected(
                    .waitForOutput,
                    .sending(.init(unsent: unsent, next: .serve(remaining: 30)))
                ),
            ]) { $0.sent(count, now: Self.now) }
        }
    }

    @Test("when all is sent: serves on, or closes after the client's end of file")
    func sentAll() {
        check([
            .sending: Expected(.waitForInput, .serving(remaining: nil)),
            .sendingLast: Expected(.close(.finished), .closed),
            .drainSending: Expected(.waitForInput, .serving(remaining: 30)),
        ]) { $0.sent(8, now: Self.now) }
    }

    @Test("when bytes were discarded: continues, and closes at the end of file or at the limit")
    func discarded() {
        let rest = Start.lingering(.refused("no"), at: Start.finished, allowance: State.lingerAllowance - 100)
        check([.lingering: Expected(.nothing, rest)]) { $0.discarded(100) }
        check([.lingering: Self.closedLingering]) { $0.discarded(0) }
        check([.lingering: Self.closedLingering]) { $0.discarded(State.lingerAllowance) }
    }

    @Test("when both sides have ended, unseen: discards what is left, which close(2) would answer with a RST")
    func endedUnseen() {
        var lingering = Start.lingering.state
        #expect(lingering.broke(0) == .discard(atMost: State.lingerAllowance))
        #expect(lingering.broke(104) == .close(.refused("no")))
        var serving = Start.serving.state
        #expect(serving.broke(0) == .close(.lost(EPIPE)))
        var sending = Start.sending.state
        #expect(sending.broke(104) == .close(.lost(104)))
    }

    @Test("when there was nothing to receive: does nothing")
    func wouldBlock() {
        check([:]) { $0.wouldBlock() }
    }

    @Test("when our FIN is sent: waits for the client's; when it could not be: closes")
    func shutDown() {
        check([.lingering: Expected(.waitForInput)]) { $0.shutDown(true) }
        check([.lingering: Self.closedLingering]) { $0.shutDown(false) }
    }

    @Test("when the socket fails: closes; the reason from before our FIN stays")
    func failed() {
        let lost = Expected(.close(.lost(ECONNRESET)), .closed)
        check([
            .serving: lost, .drainServing: lost, .sending: lost, .sendingLast: lost, .drainSending: lost,
            .lingering: Self.closedLingering,
        ]) { $0.failed(ECONNRESET) }
    }

    @Test("when the drain timeout is over: closes")
    func abort() {
        let cut = Expected(.close(.drainTimeout), .closed)
        check([
            .serving: cut, .drainServing: cut, .sending: cut, .sendingLast: cut, .drainSending: cut,
            .lingering: Self.closedLingering,
        ]) { $0.abort() }
    }

    @Test("when it is to be handed over: one that is closed is not")
    func handOverOfClosed() {
        var state = Start.closed.state
        #expect(state.handOver(arrived: 5) == .nothing)
        #expect(!state.isParked && !state.isAnsweringForHandOver)
    }

    @Test("when the server drains: serves the bytes that have arrived, and a later drain changes nothing")
    func drain() {
        check([
            .serving: Expected(.nothing, .serving(remaining: 70)),
            .sending: Expected(.nothing, .sending(.init(unsent: 8, next: .serve(remaining: 70)))),
        ]) { $0.drain(arrived: 70, now: Self.now) }
        check([
            .serving: Expected(.checkForEndOfFile, .serving(remaining: 0)),
            .sending: Expected(.nothing, .sending(.init(unsent: 8, next: .serve(remaining: 0)))),
        ]) { $0.drain(arrived: 0, now: Self.now) }
    }

    @Test("when time passes without an idle timeout: only the linger timeout ends")
    func tick() {
        var limits = Limits()
        limits.idleTimeout = nil
        limits.firstRequestTimeout = nil
        check([:]) { $0.tick(limits, untaken: { 5 }, now: Start.finished + State.lingerTimeout) }
        check([.lingering: Self.closedLingering]) {
            $0.tick(limits, untaken: { 0 }, now: Start.finished + State.lingerTimeout + 1)
        }
    }

    @Test(
        "when the idle timeout is over: ends a client with a missing request, and checks whether others read"
    )
    func tickIdle() {
        var limits = Limits()
        limits.idleTimeout = .milliseconds(900)
        limits.firstRequestTimeout = nil
        // In all sending states the last progress was at 1005.
        check([
            .serving: Expected(.shutDown, Start.lingering(.timedOut(\.idleTimeout), at: 1905)),
            .drainServing: Expected(.shutDown, Start.lingering(.timedOut(\.idleTimeout), at: 1905)),
        ]) {
            $0.tick(limits, untaken: { 5 }, now: 1905)
        }
        check([:]) { $0.tick(limits, untaken: { 5 }, now: 1900) }
    }

    @Test("Only a client with a missing request is overdue: arrived bytes are received before it is ended")
    func overdue() {
        var limits = Limits()
        limits.idleTimeout = .milliseconds(900)
        limits.firstRequestTimeout = .milliseconds(300)
        var state = State(connectedAt: 1000)
        #expect(!state.isOverdue(Timeouts(limits), now: 1300))
        #expect(state.isOverdue(Timeouts(limits), now: 1301))
        #expect(state.phase == .serving(remaining: nil))
        _ = state.drain(arrived: 70, now: 1302)
        #expect(!state.isOverdue(Timeouts(limits), now: 9000))
    }

    @Test("when there is no memory to receive into: waits")
    func noMemory() {
        check([.serving: Expected(.awaitMemory), .drainServing: Expected(.awaitMemory)]) {
            $0.foundNoMemory()
        }
    }

    @Test("when others wait for its memory: ends, with or without unsent answers")
    func givesUpMemory() {
        let lingering = Expected(.shutDown, Start.lingering(.memoryUsedUp))
        let closed = Expected(.close(.memoryUsedUp), .closed)
        check([
            .serving: lingering, .drainServing: lingering,
            .sending: closed, .sendingLast: closed, .drainSending: closed,
        ]) { $0.giveUpMemory(now: Self.now) }
        var state = Start.sending.state
        _ = state.sent(3, now: Self.now)
        _ = state.giveUpMemory(now: Self.now)
        #expect(state.abandonedBytes == 5)
    }

    @Test("when one event after another brings nothing: backs off, and ends if that continues")
    func fruitless() {
        let events: [(Start, Action, (inout State) -> Action)] = [
            (.serving, .nothing, { $0.wouldBlock() }),
            (.sending, .waitForOutput, { $0.sent(0, now: Self.now) }),
            (.lingering, .nothing, { $0.wouldBlock() }),
        ]
        for (start, ordinary, event) in events {
            var state = start.state
            for _ in 1..<State.fruitlessEvents { #expect(event(&state) == ordinary) }
            for _ in 0..<State.maximumBackOffs { #expect(event(&state) == .backOff(State.backOffTime)) }
            let end = start == .lingering ? Action.close(.refused("no")) : .close(.lost(EAGAIN))
            #expect(event(&state) == end && state.isClosed)
        }
    }

    @Test("when something came, fruitless events count from the beginning")
    func fruitful() {
        var state = Start.serving.state
        for _ in 0..<(3 * State.fruitlessEvents) {
            #expect([.nothing, .backOff(State.backOffTime)].contains(state.wouldBlock()))
            _ = state.received(1, SessionStep(consumed: 0, requests: 0), answer: 0, now: Self.now)
        }
        #expect(state.wouldBlock() == .nothing)
    }
}
