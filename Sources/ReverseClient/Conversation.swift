import Sockets

/// One question at a time on a connection that is kept: what a prompt and a ping need. Each question is a stream of one
/// line.
public final class Conversation {
    private let transport: Transport
    private let timeout: Duration
    private let retry: RetryPolicy
    private let isInterrupted: () -> Bool

    /// Makes a conversation; nothing is connected yet.
    ///
    /// - Parameters:
    ///   - endpoint: The server.
    ///   - timeout: How long to wait for a connection or for something of an answer to move; zero for no limit.
    ///   - retry: What to do when there is no server, or the connection is lost.
    ///   - isInterrupted: Asked while waiting; when it is true the waiting ends with `Reason.interrupted`.
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

    /// With whom.
    public var endpoint: Endpoint { transport.endpoint }

    /// Whether a connection stands, as far as is known.
    public var isConnected: Bool { transport.phase == .open }
    /// The connection's descriptor, to be polled for its end while nothing is asked; -1 without a connection.
    public var descriptor: Int32 { transport.descriptor }

    /// Connects, if there is no connection.
    public func connect() throws(ClientError) {
        guard !isConnected else { return }
        _ = try converse(nil)
    }

    /// Asks one line (without its line end) and waits for the answer (without its line end).
    ///
    /// A connection that the server had given up in the meantime is made again once.
    public func ask(_ line: [UInt8]) throws(ClientError) -> [UInt8] {
        let wasConnected = isConnected
        do {
            return try converse(line)
        } catch {
            guard wasConnected, case .closedEarly = error.reason else { throw error }
        }
        return try converse(line)
    }

    /// To be called when the descriptor is readable although nothing was asked: closes the connection.
    ///
    /// - Returns: What the server did: ended the connection (`closedEarly`), or sent bytes that answer no line
    ///   (`wrongAnswer`), as a server of another protocol does. Nil when it did nothing.
    public func noticeEnd() -> ClientError.Reason? {
        guard isConnected else { return nil }
        var byte: UInt8 = 0
        let outcome = withUnsafeMutableBytes(of: &byte) { transport.receive(into: $0) }
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

    /// Connects if need be, and asks `line`, if there is one.
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

/// A pause as poll(2) takes it: rounded up, so that the time has come when it returns; a day at most, as more needs no
/// precision.
func pollMilliseconds(_ pause: Duration) -> Int32 {
    let (seconds, attoseconds) = max(.zero, pause).components
    return Int32(min(seconds, 86_400) * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
}
