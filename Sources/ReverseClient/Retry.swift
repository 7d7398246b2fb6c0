/// How long, and with which pauses, to reconnect after a loss.
public struct RetryPolicy: Sendable, Equatable {
    /// How long to try after a loss without a new answer; zero to give up at once.
    public var timeLimit: Duration
    /// The first pause, before jitter. Each following pause is twice as long.
    public var firstPause: Duration
    /// The longest pause.
    public var longestPause: Duration

    /// Creates a policy. The first pause is short, because most restarts are.
    ///
    /// - Parameters:
    ///   - timeLimit: How long to retry.
    ///   - firstPause: The first pause, before jitter.
    ///   - longestPause: By default a second, but at most a twentieth of `timeLimit`, so that a server which is up
    ///     only now and then is not missed.
    public init(
        timeLimit: Duration,
        firstPause: Duration = .milliseconds(20),
        longestPause: Duration? = nil
    ) {
        self.timeLimit = timeLimit
        self.firstPause = firstPause
        self.longestPause = longestPause ?? max(firstPause, min(.seconds(1), timeLimit / 20))
    }

    /// A policy that gives up at the first loss.
    public static let never = RetryPolicy(timeLimit: .zero)
}

/// Decides when to reconnect: takes losses and progress, returns pauses.
struct Retry {
    enum Decision: Equatable {
        case again(after: Duration)
        /// `tried` is how long it was retried; nil if it was not.
        case giveUp(tried: Duration?)
    }

    let policy: RetryPolicy
    private var lostSince: ContinuousClock.Instant?
    private var pause: Duration

    init(policy: RetryPolicy) {
        self.policy = policy
        pause = policy.firstPause
    }

    /// A new answer has arrived, so the next loss starts a new period.
    mutating func progressed() {
        lostSince = nil
        pause = policy.firstPause
    }

    /// The connection was lost, or connecting failed.
    ///
    /// - Parameter chance: A random number in 0..<1. The pause is between half and all of its nominal length, so that the
    ///   clients of a restarted server do not all reconnect at once.
    mutating func lost(at now: ContinuousClock.Instant, chance: Double) -> Decision {
        let began = lostSince ?? now
        let tried = began.duration(to: now)
        guard tried < policy.timeLimit else { return .giveUp(tried: lostSince == nil ? nil : tried) }
        lostSince = began
        let jittered = pause * (0.5 + chance / 2)
        pause = min(pause * 2, policy.longestPause)
        // The last attempt is made when the time limit expires.
        return .again(after: min(jittered, policy.timeLimit - tried))
    }
}
