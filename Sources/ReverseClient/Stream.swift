import Glibc
import Sockets

/// Sends the lines of an input to a server and writes the answers to an output: any number of lines, in order, in constant
/// memory, across lost connections. It runs on the caller's thread, in one loop over poll(2).
public final class Stream {
    /// The options of a stream.
    public struct Options: Sendable {
        /// How long no byte may be sent or received while answers are outstanding, and how long looking up the name and
        /// connecting may take; zero for no limit.
        public var timeout: Duration
        /// How to reconnect after a loss.
        public var retry: RetryPolicy
        /// How many bytes are held at most.
        public var limits: Exchange.Limits

        /// Creates options.
        public init(
            timeout: Duration = .seconds(10),
            retry: RetryPolicy = .never,
            limits: Exchange.Limits = Exchange.Limits()
        ) {
            self.timeout = timeout
            self.retry = retry
            self.limits = limits
        }
    }

    /// How long to wait after the last answer for the server to close the connection, which shows that nothing follows.
    static let grace = Duration.seconds(1)
    /// The longest sleep if the stream can be interrupted, because a signal may arrive just before poll(2).
    static let interruptPause = Duration.milliseconds(300)

    let options: Options
    let input: any InputPort
    let output: any OutputPort
    let observer: (any StreamObserver)?
    let isInterrupted: (() -> Bool)?
    let now: () -> ContinuousClock.Instant
    let chance: () -> Double

    let transport: Transport
    var exchange: Exchange
    var retry: Retry
    var refusal = RefusalTest()
    var progress = StreamProgress()

    /// When to connect; nil while connected or connecting.
    var connectAt: ContinuousClock.Instant?
    /// When a byte last moved, or none could.
    var lastMove: ContinuousClock.Instant
    /// When bytes were last sent.
    var lastSend: ContinuousClock.Instant
    var readiness = Readiness()

    /// What the last poll reported as ready. A flag stays set until the descriptor blocks.
    struct Readiness {
        var input: Bool
        var output: Bool
        var receive = false
        var send = false

        init(input: Bool = false, output: Bool = false) {
            self.input = input
            self.output = output
        }
    }

    /// Creates a stream. `run` starts it.
    ///
    /// - Parameters:
    ///   - endpoint: The server.
    ///   - input: Where the lines come from.
    ///   - output: Where the answers go.
    ///   - options: Timeout, retry and limits.
    ///   - observer: Called when the state of the connection changes.
    ///   - now: The clock, for tests.
    ///   - chance: Random numbers in 0..<1 for the pauses, for tests.
    public convenience init(
        to endpoint: Endpoint,
        from input: any InputPort,
        into output: any OutputPort,
        options: Options = Options(),
        observer: (any StreamObserver)? = nil,
        now: @escaping () -> ContinuousClock.Instant = { .now },
        chance: @escaping () -> Double = { Double.random(in: 0..<1) }
    ) {
        self.init(
            over: Transport(endpoint: endpoint),
            from: input,
            into: output,
            options: options,
            observer: observer,
            now: now,
            chance: chance
        )
    }

    /// - Parameters:
    ///   - transport: May be connected already.
    ///   - isInterrupted: Polled while waiting; if true, the wait ends with `Reason.interrupted`.
    init(
        over transport: Transport,
        from input: any InputPort,
        into output: any OutputPort,
        options: Options,
        observer: (any StreamObserver)? = nil,
        isInterrupted: (() -> Bool)? = nil,
        now: @escaping () -> ContinuousClock.Instant = { .now },
        chance: @escaping () -> Double = { Double.random(in: 0..<1) }
    ) {
        self.options = options
        self.input = input
        self.output = output
        self.observer = observer
        self.isInterrupted = isInterrupted
        self.now = now
        self.chance = chance
        self.transport = transport
        exchange = Exchange(limits: options.limits)
        retry = Retry(policy: options.retry)
        lastMove = now()
        lastSend = lastMove
        readiness = Readiness(input: input.pollDescriptor == nil, output: !output.mustPollFirst)
        if transport.phase == .open { handleConnected() } else { connectAt = lastMove }
    }

    /// Runs until every line is answered and every answer is written.
    ///
    /// - Returns: The final progress.
    /// - Throws: `ClientError`; whole answers that arrived before the error were written, unless the output failed.
    @discardableResult
    public func run() throws(ClientError) -> StreamProgress {
        // Also wait for the server to close the connection, which shows that nothing follows the last answer.
        try run(until: { exchange.isDone && transport.phase != .open })
        transport.close()
        report()
        return progress
    }

    /// Runs until connected.
    func connect() throws(ClientError) {
        try run(until: { transport.phase == .open })
    }

    /// Runs until `count` lines are answered and their answers written. The connection stays open.
    func run(untilAnswered count: Int) throws(ClientError) {
        try run(until: { exchange.linesAnswered >= count && !exchange.hasOutput })
    }

    private func run(until isOver: () -> Bool) throws(ClientError) {
        do {
            while !isOver() {
                let moved = try step()
                report()
                if !moved { try wait() }
            }
        } catch {
            transport.close()
            if case .cannotWrite = error.reason { throw error }
            try flush()
            throw error
        }
    }

    func error(_ reason: ClientError.Reason, retriedFor: Duration? = nil) -> ClientError {
        ClientError(
            reason,
            endpoint: transport.endpoint,
            linesAnswered: exchange.linesAnswered,
            retriedFor: retriedFor
        )
    }

    private func report() {
        guard let observer else { return }
        progress.bytesRead = exchange.bytesAccepted
        progress.bytesAnswered = exchange.bytesAnswered
        progress.linesAnswered = exchange.linesAnswered
        observer.streamMoved(to: progress, at: now())
    }

    /// Writes the answers that have arrived, and waits for a slow reader as in a regular run.
    private func flush() throws(ClientError) {
        while exchange.hasOutput {
            if try !writeOutput() { try waitForOutput() }
        }
    }
}

// MARK: - One step

extension Stream {
    /// Does everything that is possible without waiting. Returns false if there was nothing to do.
    private func step() throws(ClientError) -> Bool {
        var moved = try readInput()
        moved = try moveConnection() || moved
        moved = try writeOutput() || moved
        return moved
    }

    private func readInput() throws(ClientError) -> Bool {
        guard readiness.input, exchange.inputCapacity > 0 else {
            if exchange.isLineTooLong {
                throw error(.lineTooLong(line: exchange.linesAnswered + 1, limit: options.limits.line))
            }
            return false
        }
        var ended = false
        var took = false
        do throws(SystemError) {
            try unsafe exchange.takeInput { (space) throws(SystemError) in
                let count = try unsafe input.read(into: space)
                ended = count == 0
                took = count != nil
                return count ?? 0
            }
        } catch {
            throw self.error(.cannotRead(error))
        }
        if ended { exchange.endInput() }
        readiness.input = input.pollDescriptor == nil
        return took
    }

    func writeOutput() throws(ClientError) -> Bool {
        guard readiness.output, exchange.hasOutput else { return false }
        observer?.streamWillWrite(isLast: exchange.isAnswered)
        var took = false
        do throws(SystemError) {
            try unsafe exchange.giveOutput { (bytes) throws(SystemError) in
                let count = try unsafe output.write(bytes)
                took = count != nil
                return count ?? 0
            }
        } catch {
            throw self.error(.cannotWrite(error))
        }
        readiness.output = took && !output.mustPollFirst
        // Time spent in a slow output does not count against the server.
        if took { lastMove = now() }
        return took
    }
}
