import Sockets

/// The state of a pipelined conversation: lines go in, answers come back, and nothing is forgotten before it is answered.
///
/// It does no I/O: its owner offers it memory to fill and takes memory to send or write. All positions count bytes from
/// the first byte of the input. Because an answer is as long as its line, the answer of the bytes at a position stands
/// at that same position of the output:
///
///     delivered  <=  confirmed  <=  received  <=  sent  <=  accepted
///     (written out) (whole answers) (any answer)         (read from the input)
///
/// Requests are held from `confirmed` to `accepted`, answers from `delivered` to `received`. When a connection is lost,
/// `received` and `sent` fall back to `confirmed`: the half answer is thrown away, the lines without one go out again.
public struct Exchange: ~Copyable {
    /// How much may be held at once.
    public struct Limits: Sendable, Equatable {
        /// The most unanswered bytes held, where every line is shorter; a longer line may exceed it alone.
        public var window: Int
        /// The most answered bytes held while the output does not take them.
        public var output: Int
        /// The most bytes that one line may have; a longer one makes `takeInput` refuse.
        public var line: Int

        /// Makes limits; the defaults keep the memory of a stream to a few MiB.
        public init(window: Int = 4 << 20, output: Int = 1 << 20, line: Int = 1 << 30) {
            self.window = max(1, window)
            self.output = max(1, output)
            self.line = max(1, line)
        }
    }

    /// An answer that does not fit its line.
    public enum Mismatch: Error, Equatable, Sendable {
        /// The answer to a line (counted from 1) ended after `came` bytes where `due` were due, terminators included;
        /// `due` is nil for a line of which only a part was sent.
        case length(line: Int, came: Int, due: Int?)
        /// The answer to a line goes on after the bytes that were due, terminator included.
        case tooLong(line: Int, due: Int)
        /// The answer to a line that ends in CR LF does not.
        case terminator(line: Int)
        /// Bytes came that answer no line.
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
    /// Behind the last line feed accepted.
    private var complete = 0
    private var confirmedWhenOpened = 0
    /// From how many bytes on a line is sent in parts, before its end is known.
    private var partialFrom: Int
    /// How far `sent` may run ahead of `confirmed`; nil when only the window bounds it. After a connection that brought
    /// no answer the lines go out one by one and then faster again, so that a line which makes the server hang up does
    /// not take the answers of its neighbours with it, and shows itself.
    private var ramp: Int?

    /// Whether the input has ended.
    public private(set) var inputEnded = false
    /// How many lines have their whole answer.
    public private(set) var linesAnswered = 0

    /// Makes an exchange in which nothing was said yet.
    public init(limits: Limits = Limits()) {
        self.limits = limits
        partialFrom = limits.window
        requests = ByteQueue(keepsMemory: true)
        answers = ByteQueue(keepsMemory: true)
    }
}

// MARK: - What the owner asks

extension Exchange {
    /// Bytes taken from the input so far.
    public var bytesAccepted: Int { accepted }
    /// Bytes of whole answers so far.
    public var bytesAnswered: Int { confirmed }
    /// Whether the server owes an answer: a whole line, or the end of the input, has no whole answer yet.
    public var isOwed: Bool { confirmed < (inputEnded ? accepted : complete) }
    /// Whether there is something unanswered that ought to be sent.
    public var needsConnection: Bool { confirmed < sendable }
    /// Whether the input has ended and every byte of an answer has come. An unterminated last answer is judged by its
    /// length, so it may wait for `connectionEnded` to learn that nothing follows.
    public var isAnswered: Bool { inputEnded && received == accepted }
    /// Whether every answer has been written out.
    public var isDone: Bool { inputEnded && delivered == accepted }
    /// Whether bytes of whole answers wait to be written out.
    public var hasOutput: Bool { delivered < confirmed }
    /// Whether bytes wait to be sent.
    public var hasUnsent: Bool { sent < sendEnd }
    /// Whether the server has everything that it will get on this connection.
    public var hasSentAll: Bool { inputEnded && sent == accepted }
    /// Whether a whole answer has come since the connection was opened.
    public var hasProgressed: Bool { confirmed > confirmedWhenOpened }
    /// How many bytes of the oldest unanswered line were sent on this connection, its terminator included.
    public var oldestLineSent: Int { min(oldestLineEnd, sent) - confirmed }
    /// How many bytes of the oldest unanswered line are known, its terminator included.
    public var oldestLineLength: Int { oldestLineEnd - confirmed }

    /// How many bytes of input may be taken now.
    public var inputRoom: Int {
        guard !inputEnded else { return 0 }
        let held = accepted - confirmed
        if held < limits.window { return limits.window - held }
        // A line that alone fills the window can only be answered when all of it is sent. It grows as the server takes
        // it, so that one which the server refuses is not read to its end.
        guard complete <= confirmed, sent == accepted || held < partialFrom else { return 0 }
        return max(0, min(held, limits.line - held))
    }

    /// Whether the line that is being read has more bytes than a line may have.
    public var isLineTooLong: Bool {
        !inputEnded && complete <= confirmed && accepted - confirmed >= limits.line
    }

    /// How many bytes of answers may be taken now.
    public var answerRoom: Int {
        let held = received - delivered
        if held < limits.output { return limits.output - held }
        return delivered == confirmed ? held : 0
    }

    /// A line is sent when it is whole: a server may end a connection on which half a line waits. One that does not fit
    /// the window is sent in parts, so that the server can refuse it early.
    private var sendable: Int {
        inputEnded || accepted - complete >= partialFrom ? accepted : complete
    }

    private var sendEnd: Int {
        guard let ramp else { return sendable }
        return min(sendable, max(oldestLineEnd, confirmed + ramp))
    }

    /// Where the oldest unanswered line ends, as far as it is known.
    private var oldestLineEnd: Int {
        LineEnds.first(in: requests.bytes(from: 0)).map { confirmed + $0 + 1 } ?? accepted
    }
}

// MARK: - Input and output

extension Exchange {
    /// Takes bytes of input: `body` writes them into the memory it is given and returns how many.
    public mutating func takeInput<Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) {
        let room = inputRoom
        guard room > 0 else { return }
        let start = requests.count
        let taken = try requests.append(atMost: room, body)
        accepted += taken
        let stretch = UnsafeRawBufferPointer(rebasing: requests.bytes(from: start).prefix(taken))
        if let last = LineEnds.last(in: stretch) {
            complete = accepted - taken + last + 1
            partialFrom = limits.window
        }
    }

    /// Notes that no more input will come; bytes behind the last line feed are the unterminated last line.
    public mutating func endInput() { inputEnded = true }

    /// Gives bytes of whole answers to `body`, which returns how many it wrote out.
    public mutating func giveOutput<Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) {
        guard hasOutput else { return }
        let stretch = UnsafeRawBufferPointer(rebasing: answers.bytes(from: 0).prefix(confirmed - delivered))
        let written = try body(stretch)
        precondition(written >= 0 && written <= stretch.count)
        answers.removeFirst(written)
        delivered += written
    }
}

// MARK: - The connection

extension Exchange {
    /// Notes that a new connection stands, on which nothing was sent yet.
    public mutating func connectionOpened() {
        confirmedWhenOpened = confirmed
    }

    /// Gives bytes to be sent to `body`, which returns how many the socket took.
    public mutating func giveUnsent<Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) {
        let end = sendEnd
        guard sent < end else { return }
        let stretch = requests.bytes(from: sent - confirmed)
        let taken = try body(UnsafeRawBufferPointer(rebasing: stretch.prefix(end - sent)))
        precondition(taken >= 0 && taken <= end - sent)
        sent += taken
    }

    /// Takes bytes of answers: `body` writes them into the memory it is given and returns how many. They are held
    /// against the lines they answer.
    ///
    /// - Throws: `Mismatch`. The whole answers before a mismatch can still be given out.
    public mutating func takeAnswers(
        _ body: (UnsafeMutableRawBufferPointer) -> Int
    ) throws(Mismatch) {
        let room = answerRoom
        guard room > 0 else { return }
        let start = answers.count
        let taken = answers.append(atMost: room, body)
        try check(taken, at: start)
    }

    private mutating func check(_ taken: Int, at start: Int) throws(Mismatch) {
        let due = min(taken, sent - received)
        var compared = 0
        while compared < due {
            let request = requests.bytes(from: received - confirmed)
            let answer = answers.bytes(from: start + compared)
            let length = min(request.count, answer.count, due - compared)
            let asked = UnsafeRawBufferPointer(rebasing: request.prefix(length))
            let came = UnsafeRawBufferPointer(rebasing: answer.prefix(length))
            let result = lineEnds.compare(asked, came)
            let agreed = UnsafeRawBufferPointer(rebasing: came.prefix(result.agreeing))
            compared += result.agreeing
            let from = received
            received += result.agreeing
            if let last = LineEnds.last(in: agreed) { confirm(upTo: from + last + 1, lines: result.lines) }
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

    /// Says what is wrong with the answer whose byte at `offset` of the held answers is not the one due.
    private func mismatch(at offset: Int) -> Mismatch {
        let line = linesAnswered + 1
        let came = received - confirmed
        let isWhole = oldestLineEnd <= complete || inputEnded
        let due = isWhole ? oldestLineLength : nil
        let last = answers.bytes(from: offset).first
        if let due, came + 1 == due, last != 0x0A { return .tooLong(line: line, due: due) }
        if last == 0x0A && due != came + 1 { return .length(line: line, came: came + 1, due: due) }
        return .terminator(line: line)
    }

    /// Notes that the connection has ended, whoever ended it. An unterminated last answer that has its full length is
    /// whole now; any other part of an answer is thrown away, and its line will be sent again.
    public mutating func connectionEnded() {
        if isAnswered && confirmed < received {
            confirm(upTo: received, lines: 1)
        }
        ramp = hasProgressed || sent == confirmed ? nil : 1
        // The parts of a line are sent again when it is whole, or has grown to twice its size: not at once, as the
        // server would only wait for the rest again.
        if sent > complete { partialFrom = 2 * (accepted - complete) }
        answers.truncate(to: confirmed - delivered)
        received = confirmed
        sent = confirmed
        lineEnds = LineEnds()
    }
}
