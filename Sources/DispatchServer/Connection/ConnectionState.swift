import Glibc

/// The state machine of one connection: it decides what to do next. It performs no I/O, reads no clock and holds no bytes, so
/// every case can be tested and simulated. `Connection` performs the actions. This file has the events of the socket; the
/// extensions have those of the server (`+Server`) and of the hand-over (`+HandOver`).
///
///                  received, nothing to send
///                     ┌──────┐
///                     ▼      │
///     accepted ──▶ serving ──┴─▶ sending ──┐ not all sent: wait for output
///                     ▲             ▲  │   │
///                     │ all sent    └──┼───┘
///                     ├────────────────┤
///                     │                │ all sent, and the session has ended
///          idle, or   ▼                ▼
///           drained: shutDown ──▶ lingering ──▶ closed
///
/// An error, or the client's end of file after the last answer, leads from any state to closed.
///
/// `handOver` parks a connection in any state but closed. First the bytes that have arrived are answered, as far as the
/// socket takes the answers. A parked connection does nothing and keeps its phase. `resume` continues it in that phase, in the
/// process that takes it over, or here if none does.
///
/// - serving: requests are read and answered. During a drain only bytes that had arrived when it began are read.
/// - sending: the first bytes held are answers; nothing is read until they are sent.
/// - lingering: our FIN is sent. Input is discarded until the client's end of file. With unread bytes close(2) would send a RST,
///   which destroys answers that the client has not read.
struct ConnectionState: Equatable, Sendable {
    /// How many bytes are discarded at most after our FIN. Enough for a client that sends everything before it reads.
    static let lingerAllowance = 64 << 20
    /// How often after our FIN to check that the client still takes its answers. The first check only notes how much is left.
    /// So a client that takes nothing keeps the connection for twice this time, any other at most for the drain timeout.
    static let lingerTimeout: Milliseconds = 2000
    /// How long a new client may still send its first request to a stopping server: it connected before the stop.
    static let firstRequestGrace: Milliseconds = 200

    /// After this many events in a row without data the connection backs off: the events are spurious and would keep a
    /// processor busy.
    static let fruitlessEvents = 16
    /// The length of a back-off.
    static let backOffTime: Milliseconds = 200
    /// How many back-offs in a row end the connection.
    static let maximumBackOffs = 20

    enum HandOver: Equatable { case no, answering, parked }

    var phase = Phase.serving(remaining: nil)
    var handOver = HandOver.no
    let connectedAt: Milliseconds
    /// When a request was last answered, or the socket last took blocked output. The idle timeout counts from here.
    var lastProgress: Milliseconds
    /// How many requests were answered, and the bytes of those answers.
    private(set) var requests: UInt64 = 0
    private(set) var answeredBytes: UInt64 = 0
    /// How many bytes of answers were unsent when it was closed.
    private(set) var abandonedBytes = 0
    /// How many events in a row were without effect.
    private var fruitless = 0

    init(connectedAt: Milliseconds) {
        self.connectedAt = connectedAt
        lastProgress = connectedAt
    }

    /// The state of a connection that another process has handed over: parked until `resume`.
    init(
        handedOver phase: Phase,
        connectedAt: Milliseconds,
        lastProgress: Milliseconds,
        requests: UInt64 = 0,
        answeredBytes: UInt64 = 0
    ) {
        self.phase = phase
        handOver = .parked
        self.connectedAt = connectedAt
        self.lastProgress = lastProgress
        self.requests = requests
        self.answeredBytes = answeredBytes
    }

    var isClosed: Bool { phase == .closed }
    /// Whether bytes are still to be answered before the connection is parked: call `ready` again.
    var isAnsweringForHandOver: Bool { handOver == .answering && !isClosed }
    var isParked: Bool { handOver == .parked }
    var isSending: Bool { if case .sending = phase { true } else { false } }

    // MARK: - Events of the socket

    /// The socket is ready, or may be.
    func ready() -> Action {
        if isParked { return .nothing }
        return switch phase {
        case .serving(let remaining): .receive(atMost: remaining ?? .max)
        case .sending(let sending): .send(sending.unsent)
        case .lingering(let lingering): .discard(atMost: lingering.allowance)
        case .closed: .nothing
        }
    }

    /// `count` bytes were received, and the session answered with `answer` bytes.
    mutating func received(_ count: Int, _ step: SessionStep, answer: Int, now: Milliseconds) -> Action {
        guard case .serving(let remaining) = phase else { return .nothing }
        fruitless = 0
        let next: Next =
            switch step.ending {
            case nil: .serve(remaining: remaining.map { max(0, $0 - count) })
            case .finished: .finish(.completed)
            case .refused(let reason): .finish(.refused(reason))
            }
        return answered(step, answer: answer, next, now)
    }

    /// The client sent its end of file, and the session answered the remaining input with `answer` bytes.
    mutating func reachedEndOfFile(_ step: SessionStep, answer: Int, now: Milliseconds) -> Action {
        guard case .serving = phase else { return .nothing }
        let reason: EndReason =
            if case .refused(let reason) = step.ending { .refused(reason) } else { .finished }
        return answered(step, answer: answer, .finish(reason), now)
    }

    /// More input has arrived since the drain began. It gets no answer.
    mutating func foundNoEndOfFile(now: Milliseconds) -> Action {
        guard case .serving = phase else { return .nothing }
        return finish(.drained, now)
    }

    /// The socket took `count` bytes, perhaps none.
    mutating func sent(_ count: Int, now: Milliseconds) -> Action {
        guard case .sending(var sending) = phase else { return .nothing }
        if count > 0 {
            lastProgress = now
            sending.untaken = .max
            fruitless = 0
        }
        sending.unsent -= count
        guard sending.unsent <= 0 else {
            phase = .sending(sending)
            if isAnsweringForHandOver { return park() }
            return count > 0 ? .waitForOutput : foundNothing(or: .waitForOutput)
        }
        return proceed(to: sending.next, now)
    }

    /// `count` bytes were discarded; 0 for the client's end of file.
    mutating func discarded(_ count: Int) -> Action {
        guard case .lingering(var lingering) = phase else { return .nothing }
        fruitless = 0
        lingering.allowance -= count
        guard count > 0, lingering.allowance > 0 else { return close(lingering.reason) }
        phase = .lingering(lingering)
        return .nothing
    }

    /// There is no memory to receive into.
    mutating func foundNoMemory() -> Action {
        if isAnsweringForHandOver { return park() }
        return if case .serving = phase { .awaitMemory } else { .nothing }
    }

    /// The event was spurious: there was nothing to receive.
    mutating func wouldBlock() -> Action { foundNothing(or: .nothing) }

    private mutating func foundNothing(or action: Action) -> Action {
        if isAnsweringForHandOver { return park() }
        fruitless += 1
        if fruitless < Self.fruitlessEvents { return action }
        // From here on each event comes after a back-off.
        guard fruitless < Self.fruitlessEvents + Self.maximumBackOffs else { return failed(EAGAIN) }
        return .backOff(Self.backOffTime)
    }

    /// Our FIN is sent, or could not be.
    mutating func shutDown(_ isDone: Bool) -> Action {
        guard case .lingering(let lingering) = phase else { return .nothing }
        guard isDone else { return close(lingering.reason) }
        return isAnsweringForHandOver ? park() : .waitForInput
    }

    /// The PROXY header is wrong or late, or the client has too many connections. There is no answer to send.
    mutating func refused(_ reason: EndReason) -> Action {
        guard case .serving = phase else { return .nothing }
        return close(reason)
    }

    /// The socket gave an error.
    mutating func failed(_ code: Int32) -> Action {
        switch phase {
        case .closed: .nothing
        case .lingering(let lingering): close(lingering.reason)
        case .serving, .sending: close(.lost(code))
        }
    }

    /// The connection is over, which was seen without an event of the socket.
    ///
    /// - Parameter code: The error, 0 if both sides have ended it.
    mutating func broke(_ code: Int32) -> Action {
        // Input may be left: close(2) would answer it with a RST.
        if case .lingering = phase, code == 0 { return ready() }
        return failed(code == 0 ? EPIPE : code)
    }

    // MARK: - Steps

    private mutating func answered(
        _ step: SessionStep,
        answer: Int,
        _ next: Next,
        _ now: Milliseconds
    ) -> Action {
        if step.requests > 0 {
            requests &+= UInt64(step.requests)
            answeredBytes &+= UInt64(answer)
            lastProgress = now
        }
        guard answer > 0 else { return proceed(to: next, now) }
        phase = .sending(Sending(unsent: answer, next: next))
        return .send(answer)
    }

    private mutating func proceed(to next: Next, _ now: Milliseconds) -> Action {
        switch next {
        case .finish(let reason):
            return finish(reason, now)
        case .serve(let remaining):
            phase = .serving(remaining: remaining)
            guard remaining == 0 else { return .waitForInput }
            return isAnsweringForHandOver ? park() : .checkForEndOfFile
        }
    }

    /// Ends the connection once the client has its answers.
    mutating func finish(_ reason: EndReason, _ now: Milliseconds) -> Action {
        // After the client's end of file nothing is left to read, so close(2) sends a FIN after the answers.
        guard reason != .finished else { return close(.finished) }
        phase = .lingering(
            Lingering(
                reason: reason,
                allowance: Self.lingerAllowance,
                until: now &+ Self.lingerTimeout,
                since: now
            )
        )
        return .shutDown
    }

    /// Ends the connection at once.
    mutating func close(_ reason: EndReason) -> Action {
        if case .sending(let sending) = phase { abandonedBytes = sending.unsent }
        phase = .closed
        return .close(reason)
    }
}

extension SessionStep {
    /// The step for bytes that do not belong to the session.
    static var nothing: SessionStep { SessionStep(consumed: 0, requests: 0) }
}
