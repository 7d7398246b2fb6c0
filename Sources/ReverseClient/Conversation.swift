import Sockets

/// Asks one line at a time on a connection that stays open, for a prompt or a ping. Each question is a stream of one line.
public final class Conversation {
    private let transport: Transport
    private let timeout: Duration
    private let retry: RetryPolicy
    private let isInterrupted: () -> Bool

    /// Creates a conversation without connecting.
    ///
    /// - Parameters:
    ///   - endpoint: The server.
    ///   - timeout: How long to wait for a connection, or for the next byte of an answer; zero for no limit.
    ///   - retry: What to do if connecting fails or the connection is lost.
    ///   - isInterrupted: Polled while waiting; if true, the wait ends with `Reason.interrupted`.
    public init(
        with endpoint: Endpoint,
        timeout: Duration,
        retry: RetryPolicy = .never,
        isInterrupted: @escaping () -> Bool = { false }
    ) {
        transport = Transport(endpoint: endpoint)
        self.timeout = timeout
        self.retry = retry
        self.isInterrupted = isInterrupted
    }

    /// The server.
    public var endpoint: Endpoint { transport.endpoint }

    /// Whether the connection is open, as far as the client knows.
    public var isConnected: Bool { transport.phase == .open }
    /// The connection's descriptor, to poll for its end between questions; -1 without a connection.
    public var descriptor: Int32 { transport.descriptor }

    /// Connects, unless a connection is open.
    public func connect() throws(ClientError) {
        guard !isConnected else { return }
        _ = try converse(nil)
    }

    /// Sends one line and waits for its answer, both without terminators. If the server has closed the connection since the
    /// last question, the client reconnects once.
    public func ask(_ line: [UInt8]) throws(ClientError) -> [UInt8] {
        let wasConnected = isConnected
        do {
            return try converse(line)
        } catch {
            guard wasConnected, case .closedEarly = error.reason else { throw error }
        }
        return try converse(line)
    }

    /// Checks the connection when its descriptor is readable between questions, and closes it if the server has ended it.
    ///
    /// - Returns: What the server did: closed the connection (`closedEarly`), or sent bytes that answer no line
    ///   (`wrongAnswer`), as a server of another protocol does. Nil if nothing happened.
    public func noticeEnd() -> ClientError.Reason? {
        guard isConnected else { return nil }
        var byte: UInt8 = 0
        let outcome = unsafe withUnsafeMutableBytes(of: &byte) { unsafe transport.receive(into: $0) }
        if case .blocked = outcome { return nil }
        transport.close()
        return switch outcome {
        case .bytes: .wrongAnswer(.unasked(afterLine: 0))
        case .failed(let error): .closedEarly(reason: error.reason)
        case .ended, .blocked: .closedEarly(reason: "")
        }
    }

    /// Closes the connection.
    public func close() { transport.close() }

    /// Connects if necessary, and asks `line` if given.
    private func converse(_ line: [UInt8]?) throws(ClientError) -> [UInt8] {
        let size = (line?.count ?? 0) + 1
        let output = BytesOutput()
        let stream = Stream(
            over: transport,
            from: BytesInput(line.map { $0 + [0x0A] } ?? [], isOpenEnded: true),
            into: output,
            options: Stream.Options(
                timeout: timeout,
                retry: retry,
                limits: Exchange.Limits(window: size, output: size + 1)
            ),
            isInterrupted: isInterrupted
        )
        do throws(ClientError) {
            if line == nil { try stream.connect() } else { try stream.run(untilAnswered: 1) }
        } catch {
            var error = error
            error.linesAnswered = 0
            error.countsLines = false
            throw error
        }
        return Array(output.bytes.dropLast())
    }
}

/// A timeout for poll(2) in milliseconds: rounded up, so that the time has passed when poll returns, and at most a day.
func pollMilliseconds(_ pause: Duration) -> Int32 {
    let (seconds, attoseconds) = max(.zero, pause).components
    return Int32(min(seconds, 86_400) * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
}
