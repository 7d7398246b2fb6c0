import Glibc
import Testing

@testable import DispatchServer

/// Sequences of events: what a connection counts, and how long it may take.
@Suite("The life of a connection")
struct ConnectionLifeTests {
    private typealias State = ConnectionState

    private static let answered = SessionStep(consumed: 10, requests: 1)

    private func limits(idle: Duration? = nil, first: Duration? = nil, drain: Duration = .seconds(10))
        -> Limits
    {
        var limits = Limits()
        limits.idleTimeout = idle
        limits.firstRequestTimeout = first
        limits.drainTimeout = drain
        return limits
    }

    /// A connection that has sent its FIN at 1000.
    private func lingering() -> State {
        var state = State(connectedAt: 0)
        let step = SessionStep(consumed: 0, requests: 0, ending: .finished)
        #expect(state.received(1, step, answer: 0, now: 1000) == .shutDown)
        #expect(state.shutDown(true) == .waitForInput)
        return state
    }

    /// A connection whose answer is blocked since 1000.
    private func blocked() -> State {
        var state = State(connectedAt: 0)
        #expect(state.received(10, Self.answered, answer: 10, now: 1000) == .send(10))
        #expect(state.sent(0, now: 1000) == .waitForOutput)
        return state
    }

    @Test("counts the requests and the bytes of their answers, the last one included")
    func counts() {
        var state = State(connectedAt: 0)
        _ = state.received(100, SessionStep(consumed: 90, requests: 3), answer: 70, now: 10)
        _ = state.sent(70, now: 20)
        _ = state.received(5, SessionStep(consumed: 0, requests: 0), answer: 0, now: 30)
        #expect(state.requests == 3 && state.answeredBytes == 70)
        _ = state.reachedEndOfFile(SessionStep(consumed: 15, requests: 1), answer: 15, now: 40)
        #expect(state.requests == 4 && state.answeredBytes == 85)
    }

    @Test("does not count output that answers no request")
    func countsRequestsOnly() {
        var state = State(connectedAt: 0)
        let step = SessionStep(consumed: 10, output: [1, 2, 3], requests: 0)
        #expect(state.received(10, step, answer: 3, now: 10) == .send(3))
        #expect(state.requests == 0 && state.answeredBytes == 0 && state.lastProgress == 0)
    }

    // MARK: - Idle

    @Test("is idle when no request was complete for longer than the idle timeout")
    func idle() {
        let limits = limits(idle: .seconds(1))
        var state = State(connectedAt: 0)
        _ = state.received(10, SessionStep(consumed: 0, requests: 0), answer: 0, now: 900)
        #expect(state.tick(limits, untaken: { 0 }, now: 1000) == .nothing)
        _ = state.received(10, Self.answered, answer: 0, now: 1000)
        #expect(state.tick(limits, untaken: { 0 }, now: 2000) == .nothing)
        #expect(state.tick(limits, untaken: { 0 }, now: 2001) == .shutDown)
        #expect(state.shutDown(false) == .close(.timedOut(\.idleTimeout)))
    }

    @Test("must have a first request within its timeout, and needs none after that")
    func firstRequestTimeout() {
        let limits = limits(idle: .seconds(60), first: .seconds(1))
        var state = State(connectedAt: 500)
        _ = state.received(10, SessionStep(consumed: 0, requests: 0), answer: 0, now: 1400)
        #expect(state.tick(limits, untaken: { 0 }, now: 1500) == .nothing)
        var late = state
        #expect(late.tick(limits, untaken: { 0 }, now: 1501) == .shutDown)
        #expect(late.shutDown(false) == .close(.timedOut(\.firstRequestTimeout)))
        _ = state.received(10, Self.answered, answer: 0, now: 1500)
        #expect(state.tick(limits, untaken: { 0 }, now: 10_000) == .nothing)
    }

    @Test("does not call `untaken` unless it matters")
    func asksLate() {
        let limits = limits(idle: .seconds(1))
        var state = blocked()
        var asked = 0
        for now: Milliseconds in [1000, 1500, 2000] {
            _ = state.tick(
                limits,
                untaken: {
                    asked += 1; return 5
                },
                now: now
            )
        }
        #expect(asked == 0)
        _ = state.tick(
            limits,
            untaken: {
                asked += 1; return 5
            },
            now: 2001
        )
        #expect(asked == 1)
    }

    @Test("whose output is blocked is idle when the client has taken nothing between two checks")
    func blockedIdle() {
        let limits = limits(idle: .seconds(1))
        var state = blocked()
        #expect(state.tick(limits, untaken: { 900 }, now: 2001) == .nothing)
        #expect(state.lastProgress == 2001)
        #expect(state.tick(limits, untaken: { 800 }, now: 3002) == .nothing)
        #expect(state.tick(limits, untaken: { 800 }, now: 4002) == .nothing)
        #expect(state.tick(limits, untaken: { 800 }, now: 4003) == .close(.timedOut(\.idleTimeout)))
    }

    @Test("with progress of its output is compared with the bytes sent since")
    func blockedProgress() {
        let limits = limits(idle: .seconds(1))
        var state = blocked()
        #expect(state.tick(limits, untaken: { 500 }, now: 2001) == .nothing)
        #expect(state.sent(4, now: 2500) == .waitForOutput)
        // The client has taken some of the 504, although more than 500 are left.
        #expect(state.tick(limits, untaken: { 502 }, now: 3501) == .nothing)
        #expect(state.tick(limits, untaken: { 502 }, now: 4502) == .close(.timedOut(\.idleTimeout)))
    }

    // MARK: - Linger

    @Test("lingers while its client takes more of its answers")
    func lingers() {
        var state = lingering()
        let timeout = State.lingerTimeout
        var now: Milliseconds = 1000
        for left in [900, 600, 300] {
            #expect(state.tick(limits(), untaken: { left }, now: now + timeout) == .nothing)
            now += timeout + 1
            #expect(state.tick(limits(), untaken: { left }, now: now) == .nothing)
        }
        #expect(state.tick(limits(), untaken: { 300 }, now: now + timeout) == .nothing)
        #expect(state.tick(limits(), untaken: { 300 }, now: now + timeout + 1) == .close(.completed))
    }

    @Test("lingers no longer when everything was taken")
    func lingersUntilTaken() {
        var state = lingering()
        #expect(
            state.tick(limits(), untaken: { 0 }, now: 1000 + State.lingerTimeout + 1) == .close(.completed)
        )
    }

    @Test("lingers at most for the drain timeout, even with a slow client")
    func lingersAtMost() {
        var state = lingering()
        var left = 1_000_000
        var now: Milliseconds = 1000
        while state.phase != .closed, now < 100_000 {
            now += 500
            left -= 1
            _ = state.tick(limits(drain: .seconds(10)), untaken: { left }, now: now)
        }
        #expect(now >= 11_000 && now <= 11_000 + State.lingerTimeout + 500)
    }

    // MARK: - Drain

    @Test("gives a client that has just connected a moment for its first request")
    func firstRequest() {
        let timeout = State.firstRequestGrace
        var state = State(connectedAt: 1000)
        #expect(state.drain(arrived: 0, now: 1000) == nil)
        #expect(state.drain(arrived: 0, now: 1000 + timeout - 1) == nil)
        #expect(state.phase == .serving(remaining: nil))
        var late = state
        #expect(late.drain(arrived: 0, now: 1000 + timeout) == .checkForEndOfFile)
        #expect(late.foundNoEndOfFile(now: 1000 + timeout) == .shutDown)
        var sends = state
        #expect(sends.drain(arrived: 5, now: 1010) == .nothing)
        #expect(sends.ready() == .receive(atMost: 5))
        // A client that has had an answer gets no more time.
        _ = state.received(10, Self.answered, answer: 0, now: 1010)
        #expect(state.drain(arrived: 0, now: 1010) == .checkForEndOfFile)
    }

    @Test("drains completely: the blocked answer, then the received requests, then the end of file")
    func drains() {
        var state = State(connectedAt: 0)
        #expect(state.received(10, Self.answered, answer: 10, now: 1000) == .send(10))
        #expect(state.sent(4, now: 1000) == .waitForOutput)
        #expect(state.drain(arrived: 15, now: 1001) == .nothing)
        #expect(state.ready() == .send(6))
        #expect(state.sent(6, now: 1002) == .waitForInput)
        #expect(state.ready() == .receive(atMost: 15))
        #expect(state.received(10, Self.answered, answer: 10, now: 1003) == .send(10))
        #expect(state.sent(10, now: 1003) == .waitForInput)
        #expect(state.ready() == .receive(atMost: 5))
        #expect(state.received(5, Self.answered, answer: 5, now: 1004) == .send(5))
        #expect(state.sent(5, now: 1004) == .checkForEndOfFile)
        var open = state
        #expect(open.foundNoEndOfFile(now: 1005) == .shutDown)
        #expect(open.shutDown(true) == .waitForInput)
        #expect(open.discarded(0) == .close(.drained))
        #expect(
            state.reachedEndOfFile(SessionStep(consumed: 2, requests: 1), answer: 2, now: 1005) == .send(2)
        )
        #expect(state.sent(2, now: 1005) == .close(.finished))
    }

    @Test("that the session has ended sends its answer first, drain or not")
    func drainsFinished() {
        var state = State(connectedAt: 0)
        let step = SessionStep(consumed: 10, requests: 1, ending: .refused("bad"))
        #expect(state.received(10, step, answer: 10, now: 1000) == .send(10))
        #expect(state.drain(arrived: 50, now: 1001) == .nothing)
        #expect(state.sent(10, now: 1001) == .shutDown)
        #expect(state.discarded(0) == .close(.refused("bad")))
    }
}
