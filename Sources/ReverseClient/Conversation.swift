import Glibc
import Sockets

/// One question at a time on a connection that is kept: what a prompt and a ping need.
public final class Conversation {
    private let transport: Transport
    private let timeout: Duration
    private let isInterrupted: () -> Bool
    private var exchange = Exchange()

    /// Makes a conversation; nothing is connected yet.
    ///
    /// - Parameters:
    ///   - timeout: How long to wait for a connection or for something of an answer to move; zero for ever.
    ///   - isInterrupted: Asked while waiting; when it says so the waiting ends with `Reason.interrupted`.
    public init(
        with endpoint: Endpoint,
        timeout: Duration,
        isInterrupted: @escaping () -> Bool = { false }
    ) {
        transport = Transport(endpoint: endpoint)
        self.timeout = timeout
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
        try attempt { () throws(Transport.ConnectFailure) in try transport.connect() }
        while transport.phase == .connecting {
            try wait(for: POLLOUT)
            try attempt { () throws(Transport.ConnectFailure) in try transport.finishConnecting() }
        }
        exchange = Exchange()
        exchange.connectionOpened()
    }

    /// Asks one line (without its line end) and waits for the answer (without its line end).
    ///
    /// A connection that the server had given up in the meantime is made again once.
    public func ask(_ line: [UInt8]) throws(ClientError) -> [UInt8] {
        let wasConnected = isConnected
        try connect()
        do {
            return try askOnce(line)
        } catch {
            guard wasConnected, case .closedEarly = error.reason else { throw error }
        }
        try connect()
        return try askOnce(line)
    }

    /// To be called when the descriptor is readable although nothing was asked: closes a connection that has ended.
    ///
    /// - Returns: Whether the connection is gone.
    public func noticeEnd() -> Bool {
        guard isConnected else { return false }
        var byte: UInt8 = 0
        let outcome = withUnsafeMutableBytes(of: &byte) { transport.receive(into: $0) }
        if case .blocked = outcome { return false }
        transport.close()
        return true
    }

    /// Closes the connection.
    public func close() { transport.close() }

    private func askOnce(_ line: [UInt8]) throws(ClientError) -> [UInt8] {
        var rest = (line + [0x0A])[...]
        var answer: [UInt8] = []
        while answer.count <= line.count {
            exchange.takeInput { space in
                let part = rest.prefix(space.count)
                space.copyBytes(from: part)
                rest = rest.dropFirst(part.count)
                return part.count
            }
            try send()
            try receive()
            exchange.giveOutput { bytes in
                answer += bytes
                return bytes.count
            }
            if answer.count > line.count { break }
            let wanted = exchange.hasUnsent ? POLLIN | POLLOUT : POLLIN
            try wait(for: wanted)
        }
        return Array(answer.prefix(line.count))
    }

    private func send() throws(ClientError) {
        var outcome = Transport.Outcome.blocked
        exchange.giveUnsent { bytes in
            outcome = transport.send(bytes)
            if case .bytes(let count) = outcome { return count }
            return 0
        }
        if case .failed(let error) = outcome { throw fail(.closedEarly(reason: error.reason)) }
    }

    private func receive() throws(ClientError) {
        var outcome = Transport.Outcome.blocked
        do throws(Exchange.Mismatch) {
            try exchange.takeAnswers { space in
                outcome = transport.receive(into: space)
                if case .bytes(let count) = outcome { return count }
                return 0
            }
        } catch {
            throw fail(.wrongAnswer(error))
        }
        switch outcome {
        case .bytes, .blocked: break
        case .ended: throw fail(.closedEarly(reason: ""))
        case .failed(let error): throw fail(.closedEarly(reason: error.reason))
        }
    }

    private func attempt(_ body: () throws(Transport.ConnectFailure) -> Void) throws(ClientError) {
        do {
            try body()
        } catch {
            throw fail(.cannotConnect(reason: error.reason, advice: error.advice))
        }
    }

    /// Sleeps until the socket is ready.
    private func wait(for events: Int32) throws(ClientError) {
        let deadline = timeout > .zero ? ContinuousClock.now + timeout : nil
        while true {
            if isInterrupted() { throw fail(.interrupted) }
            let left = deadline.map { ContinuousClock.now.duration(to: $0) }
            if let left, left <= .zero {
                guard transport.phase == .connecting, transport.hasMoreAddresses else {
                    throw fail(.timedOut(timeout))
                }
                try attempt { () throws(Transport.ConnectFailure) in try transport.connectToNextAddress() }
                return try wait(for: events)
            }
            // A signal may come between the question and poll(2), hence never for long.
            var polls = [pollfd(fd: transport.descriptor, events: Int16(events), revents: 0)]
            let result = poll(&polls, 1, pollMilliseconds(min(left ?? .seconds(1), .milliseconds(300))))
            if result > 0 || (result < 0 && errno != EINTR) { return }
        }
    }

    private func fail(_ reason: ClientError.Reason) -> ClientError {
        transport.close()
        return ClientError(reason, endpoint: transport.endpoint)
    }
}

/// A pause as poll(2) takes it: rounded up, so that the time has come when it returns; a day at most, as more needs no
/// precision.
func pollMilliseconds(_ pause: Duration) -> Int32 {
    let (seconds, attoseconds) = max(.zero, pause).components
    return Int32(min(seconds, 86_400) * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
}
