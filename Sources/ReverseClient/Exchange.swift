import Sockets

/// The state of a pipelined exchange: it takes lines and answers, and keeps each line until it is answered.
///
/// It does no I/O: the owner fills memory that it provides, and sends or writes memory that it returns. All positions count
/// bytes from the start of the input. Because an answer is as long as its line, a line and its answer have the same position
/// in input and output:
///
///     delivered  <=  confirmed  <=  received  <=  sent  <=  accepted
///     (written out) (whole answers) (any answer)         (read from the input)
///
/// Requests are held from `confirmed` to `accepted`, answers from `delivered` to `received`. When the connection is lost,
/// `received` and `sent` return to `confirmed`: a partial answer is discarded, and lines without an answer are sent again.
public struct Exchange: ~Copyable {
    /// How many bytes are held at most.
    public struct Limits: Sendable, Equatable {
        /// The most unanswered bytes held. A single line that is longer may exceed it.
        public var window: Int
        /// The most answered bytes held until the output takes them.
        public var output: Int
        /// The most bytes of one line. A longer one sets `isLineTooLong`.
        public var line: Int

        /// Creates limits. The defaults bound the memory of a stream to a few MiB.
        public init(window: Int = 4 << 20, output: Int = 1 << 20, line: Int = 1 << 30) {
            self.window = max(1, window)
            self.output = max(1, output)
            self.line = max(1, line)
        }
    }

    /// An answer that does not match its line.
    public enum Mismatch: Error, Equatable, Sendable {
        /// The answer to a line (counted from 1) ended after `came` bytes instead of `due`, terminators included. `due` is nil
        /// if only a part of the line was sent.
        case length(line: Int, came: Int, due: Int?)
        /// The answer to a line has more than `due` bytes, terminator included.
        case tooLong(line: Int, due: Int)
        /// The line ends in CR LF and its answer does not.
        case terminator(line: Int)
        /// Bytes arrived that answer no line.
        case unasked(afterLine: Int)
    }

    private let limits: Limits
    private var requests: ByteQueue
    private var answers: ByteQueue
    private var lineEnds = LineEnds()

    private var delivered = 0
    private var confirmed = 0
    private var received = 0
    private var sent = 0
    private var accepted = 0
    /// The position after the last line feed accepted.
    private var complete = 0
    private var confirmedWhenOpened = 0
    /// The size from which a line is sent in parts, before its end is known.
    private var partialFrom: Int
    /// How far `sent` may be ahead of `confirmed`; nil if only the window limits it. After a connection without an answer,
    /// lines are sent one by one and then faster again. So a line that makes the server close the connection does not cost
    /// the answers of other lines, and can be identified.
    private var ramp: Int?

    /// Whether the input has ended.
    public private(set) var inputEnded = false
    /// How many lines have a whole answer.
    public private(set) var linesAnswered = 0

    /// Creates an exchange at its start.
    public init(limits: Limits = Limits()) {
        self.limits = limits
        partialFrom = limits.window
        requests = ByteQueue(keepsMemory: true)
        answers = ByteQueue(keepsMemory: true)
    }
}

// MARK: - Queries

extension Exchange {
    /// Bytes taken from the input.
    public var bytesAccepted: Int { accepted }
    /// Bytes of whole answers.
    public var bytesAnswered: Int { confirmed }
    /// Whether a complete line has no whole answer yet.
    public var awaitsAnswer: Bool { confirmed < (inputEnded ? accepted : complete) }
    /// Whether there are unanswered bytes to send.
    public var needsConnection: Bool { confirmed < sendable }
    /// Whether the input has ended and every byte of its answers has arrived. An unterminated last answer counts as whole
    /// only after `connectionEnded`, which shows that nothing follows.
    public var isAnswered: Bool { inputEnded && received == accepted }
    /// Whether every answer has been written out.
    public var isDone: Bool { inputEnded && delivered == accepted }
    /// Whether bytes of whole answers wait to be written out.
    public var hasOutput: Bool { delivered < confirmed }
    /// Whether bytes wait to be sent.
    public var hasUnsent: Bool { sent < sendEnd }
    /// Whether everything was sent that will be sent on this connection.
    public var hasSentAll: Bool { inputEnded && sent == accepted }
    /// Whether a whole answer has arrived on this connection.
    public var hasProgressed: Bool { confirmed > confirmedWhenOpened }
    /// How many bytes of the oldest unanswered line were sent on this connection, its terminator included.
    public var oldestLineSent: Int { min(oldestLineEnd, sent) - confirmed }
    /// How many bytes of the oldest unanswered line are known, its terminator included.
    public var oldestLineLength: Int { oldestLineEnd - confirmed }

    /// How many bytes of input can be taken now.
    public var inputCapacity: Int {
        guard !inputEnded else { return 0 }
        let held = accepted - confirmed
        if held < limits.window { return limits.window - held }
        // A line that fills the window is answered only when all of it is sent. It is read as the server takes it, so that a
        // line which the server refuses is not read to its end.
        guard complete <= confirmed, sent == accepted || held < partialFrom else { return 0 }
        return max(0, min(held, limits.line - held))
    }

    /// Whether the line being read exceeds the limit.
    public var isLineTooLong: Bool {
        !inputEnded && complete <= confirmed && accepted - confirmed >= limits.line
    }

    /// How many bytes of answers can be taken now.
    public var answerCapacity: Int {
        let held = received - delivered
        if held < limits.output { return limits.output - held }
        return delivered == confirmed ? held : 0
    }

    /// A line is sent when it is complete, because a server may close a connection with an incomplete line. A line that does
    /// not fit the window is sent in parts, so that the server can refuse it early.
    private var sendable: Int {
        inputEnded || accepted - complete >= partialFrom ? accepted : complete
    }

    private var sendEnd: Int {
        guard let ramp else { return sendable }
        return min(sendable, max(oldestLineEnd, confirmed + ramp))
    }

    /// The end of the oldest unanswered line, as far as known.
    private var oldestLineEnd: Int {
        unsafe LineEnds.first(in: requests.bytes(from: 0)).map { confirmed + $0 + 1 } ?? accepted
    }
}

// MARK: - Input and output

extension Exchange {
    /// Takes bytes of input. `body` writes them into the given memory and returns how many.
    public mutating func takeInput<Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) {
        let capacity = inputCapacity
        guard capacity > 0 else { return }
        let start = requests.count
        let taken = try unsafe requests.append(atMost: capacity, body)
        accepted += taken
        let stretch = unsafe UnsafeRawBufferPointer(rebasing: requests.bytes(from: start).prefix(taken))
        if let last = unsafe LineEnds.last(in: stretch) {
            complete = accepted - taken + last + 1
            partialFrom = limits.window
        }
    }

    /// Marks the end of the input. Bytes after the last line feed are an unterminated last line.
    public mutating func endInput() { inputEnded = true }

    /// Passes bytes of whole answers to `body`, which returns how many it wrote.
    public mutating func giveOutput<Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) {
        guard hasOutput else { return }
        let stretch = unsafe UnsafeRawBufferPointer(
            rebasing: answers.bytes(from: 0).prefix(confirmed - delivered)
        )
        let written = try unsafe body(stretch)
        precondition(written >= 0 && written <= stretch.count)
        answers.removeFirst(written)
        delivered += written
    }
}

// MARK: - The connection

extension Exchange {
    /// A new connection is open. Nothing was sent on it yet.
    public mutating func connectionOpened() {
        confirmedWhenOpened = confirmed
    }

    /// Passes bytes to send to `body`, which returns how many the socket took.
    public mutating func giveUnsent<Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) {
        let end = sendEnd
        guard sent < end else { return }
        let stretch = unsafe requests.bytes(from: sent - confirmed)
        let taken = try unsafe body(UnsafeRawBufferPointer(rebasing: stretch.prefix(end - sent)))
        precondition(taken >= 0 && taken <= end - sent)
        sent += taken
    }

    /// Takes bytes of answers. `body` writes them into the given memory and returns how many. They are compared with their
    /// lines.
    ///
    /// - Throws: `Mismatch`. Whole answers before the mismatch can still be written out.
    public mutating func takeAnswers(
        _ body: (UnsafeMutableRawBufferPointer) -> Int
    ) throws(Mismatch) {
        let capacity = answerCapacity
        guard capacity > 0 else { return }
        let start = answers.count
        let taken = unsafe answers.append(atMost: capacity, body)
        try check(taken, at: start)
    }

    private mutating func check(_ taken: Int, at start: Int) throws(Mismatch) {
        let due = min(taken, sent - received)
        var compared = 0
        while compared < due {
            let request = unsafe requests.bytes(from: received - confirmed)
            let answer = unsafe answers.bytes(from: start + compared)
            let length = min(request.count, answer.count, due - compared)
            let asked = unsafe UnsafeRawBufferPointer(rebasing: request.prefix(length))
            let came = unsafe UnsafeRawBufferPointer(rebasing: answer.prefix(length))
            let result = unsafe lineEnds.compare(asked, came)
            let agreed = unsafe UnsafeRawBufferPointer(rebasing: came.prefix(result.agreeing))
            compared += result.agreeing
            let from = received
            received += result.agreeing
            if let last = unsafe LineEnds.last(in: agreed) {
                confirm(upTo: from + last + 1, lines: result.lines)
            }
            if result.agreeing < length { throw mismatch(at: start + compared) }
        }
        if taken > due {
            guard isAnswered, confirmed < received else { throw .unasked(afterLine: linesAnswered) }
            throw .tooLong(line: linesAnswered + 1, due: oldestLineLength)
        }
    }

    private mutating func confirm(upTo position: Int, lines: Int) {
        let amount = position - confirmed
        requests.removeFirst(amount)
        confirmed = position
        linesAnswered += lines
        if let ramp { self.ramp = ramp + 2 * amount < limits.window ? ramp + 2 * amount : nil }
    }

    /// Describes the mismatch at `offset` of the held answers.
    private func mismatch(at offset: Int) -> Mismatch {
        let line = linesAnswered + 1
        let came = received - confirmed
        let isWhole = oldestLineEnd <= complete || inputEnded
        let due = isWhole ? oldestLineLength : nil
        let last = unsafe answers.bytes(from: offset).first
        if let due, came + 1 == due, last != 0x0A { return .tooLong(line: line, due: due) }
        if last == 0x0A && due != came + 1 { return .length(line: line, came: came + 1, due: due) }
        return .terminator(line: line)
    }

    /// The connection has ended, from either side. An unterminated last answer of full length is whole now. Any other partial
    /// answer is discarded, and its line will be sent again.
    public mutating func connectionEnded() {
        if isAnswered && confirmed < received {
            confirm(upTo: received, lines: 1)
        }
        ramp = hasProgressed || sent == confirmed ? nil : 1
        // A partial line is sent again when it is complete, or twice as long. Sent at once, the server would only wait for
        // the rest again.
        if sent > complete { partialFrom = 2 * (accepted - complete) }
        answers.truncate(to: confirmed - delivered)
        received = confirmed
        sent = confirmed
        lineEnds = LineEnds()
    }
}
