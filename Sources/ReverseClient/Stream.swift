import Glibc
import Sockets

/// Sends the lines of an input to a server and writes the answers to an output: any number of lines, in order, in
/// constant memory, through lost connections. One thread, one loop over poll(2).
public final class Stream {
    /// What a stream is asked for.
    public struct Options: Sendable {
        /// How long nothing may move while answers are owed, and how long looking up the name and connecting may take; zero
        /// for no limit.
        public var timeout: Duration
        /// What to do about a lost connection.
        public var retry: RetryPolicy
        /// How much may be held at once.
        public var limits: Exchange.Limits

        /// Makes options.
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

    /// After the last answer the server's end of the connection is awaited this long, to see that nothing follows.
    static let grace = Duration.seconds(1)
    /// How long a question that can be interrupted sleeps at most: a signal may come just before poll(2).
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
    /// When something moved last, or could not have.
    var lastMove: ContinuousClock.Instant
    /// When something was sent last.
    var lastSend: ContinuousClock.Instant
    var readiness = Readiness()

    /// What was ready when last looked at. Each is taken to be ready until it says that it is not.
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

    /// Makes a stream that was not begun yet.
    ///
    /// - Parameters:
    ///   - endpoint: The server.
    ///   - input: Where the lines come from.
    ///   - output: Where the answers go.
    ///   - options: Timeout, retry and limits.
    ///   - observer: Is called when the state of the connection changes.
    ///   - now: The clock; tests bring their own.
    ///   - chance: Random numbers in 0..<1 for the pauses; tests bring their own.
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
    ///   - transport: May have a connection already.
    ///   - isInterrupted: Asked while waiting; when it is true the waiting ends with `Reason.interrupted`.
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
        if transport.phase == .open { opened() } else { connectAt = lastMove }
    }

    /// Runs until every line has its answer and every answer is written out.
    ///
    /// - Returns: How far it came.
    /// - Throws: `ClientError`; whole answers that came before it have been written out where the output took them.
    @discardableResult
    public func run() throws(ClientError) -> StreamProgress {
        // The server's end is awaited too, as it shows that nothing follows the last answer.
        try run(until: { exchange.isDone && transport.phase != .open })
        transport.close()
        report()
        return progress
    }

    /// Runs until a connection stands.
    func connect() throws(ClientError) {
        try run(until: { transport.phase == .open })
    }

    /// Runs until `count` lines have their answers and these are written out; the connection stays.
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

    /// Writes what is answered already; a slow reader is waited for, as it would have been without the error.
    private func flush() throws(ClientError) {
        while exchange.hasOutput {
            if try !writeOutput() { try waitForOutput() }
        }
    }
}

// MARK: - One step

extension Stream {
    /// Does what can be done without waiting; false when there was nothing.
    private func step() throws(ClientError) -> Bool {
        var moved = try readInput()
        moved = try moveConnection() || moved
        moved = try writeOutput() || moved
        return moved
    }

    private func readInput() throws(ClientError) -> Bool {
        guard readiness.input, exchange.inputRoom > 0 else {
            if exchange.isLineTooLong {
                throw error(.lineTooLong(line: exchange.linesAnswered + 1, limit: options.limits.line))
            }
            return false
        }
        var ended = false
        var took = false
        do throws(SystemError) {
            try exchange.takeInput { (space) throws(SystemError) in
                let count = try input.read(into: space)
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
            try exchange.giveOutput { (bytes) throws(SystemError) in
                let count = try output.write(bytes)
                took = count != nil
                return count ?? 0
            }
        } catch {
            throw self.error(.cannotWrite(error))
        }
        readiness.output = took && !output.mustPollFirst
        // The output may have taken its time; the server is not to blame for it.
        if took { lastMove = now() }
        return took
    }
}
