import Sockets

/// Measures round-trip times: sends one line at a time, and checks that the answer is the line reversed.
public struct Ping {
    /// The outcome of one ping.
    public enum Outcome: Sendable, Equatable {
        /// The right answer arrived after this time.
        case answered(Duration)
        /// No answer, or a wrong one.
        case failed(ClientError)
    }

    private let conversation: Conversation
    private let now: () -> ContinuousClock.Instant

    /// Makes a ping over `conversation`.
    public init(_ conversation: Conversation, now: @escaping () -> ContinuousClock.Instant = { .now }) {
        self.conversation = conversation
        self.now = now
    }

    /// Sends one line and checks the answer. Connects first if necessary; that time does not count.
    ///
    /// - Parameters:
    ///   - sequence: A number that makes each line different.
    ///   - token: Random bits that make the answer unpredictable.
    public func ask(sequence: Int, token: UInt64) -> Outcome {
        // ASCII is reversed the same way in every unit.
        let line = Array("ping \(sequence) \(String(token, radix: 16))>".utf8)
        do {
            try conversation.connect()
            let start = now()
            let answer = try conversation.ask(line)
            let roundTrip = start.duration(to: now())
            guard answer == line.reversed() else {
                conversation.close()
                return .failed(ClientError(.notReversed, endpoint: conversation.endpoint))
            }
            return .answered(roundTrip)
        } catch {
            return .failed(error)
        }
    }
}

/// Statistics of several pings.
public struct PingStatistics: Sendable {
    private var roundTrips: [Duration] = []
    /// How many lines were sent.
    public private(set) var sent = 0
    /// How many answers were wrong.
    public private(set) var wrong = 0
    /// The error of the last ping that failed.
    public private(set) var lastFailure: ClientError?

    /// Creates empty statistics.
    public init() {}

    /// How many right answers arrived.
    public var answered: Int { roundTrips.count }
    /// How many lines got no answer.
    public var lost: Int { sent - answered - wrong }

    /// Adds one ping.
    public mutating func add(_ outcome: Ping.Outcome) {
        sent += 1
        switch outcome {
        case .answered(let roundTrip): roundTrips.append(roundTrip)
        case .failed(let error):
            lastFailure = error
            if error.reason.isWrongAnswer { wrong += 1 }
        }
    }

    /// Minimum, median, 99th percentile (nearest rank) and maximum; nil without an answer.
    public var summary: (minimum: Duration, median: Duration, p99: Duration, maximum: Duration)? {
        let sorted = roundTrips.sorted()
        guard let minimum = sorted.first, let maximum = sorted.last else { return nil }
        func percentile(_ percent: Int) -> Duration {
            let rank = (sorted.count * percent + 99) / 100
            return sorted[min(sorted.count, max(1, rank)) - 1]
        }
        return (minimum, percentile(50), percentile(99), maximum)
    }
}

extension ClientError.Reason {
    fileprivate var isWrongAnswer: Bool {
        switch self {
        case .wrongAnswer, .notReversed: true
        default: false
        }
    }
}
