/// For how long and with which pauses a lost connection is sought again.
public struct RetryPolicy: Sendable, Equatable {
    /// How long to try, from the moment of a loss, without any new answer; zero to give up at once.
    public var patience: Duration
    /// The first pause, before jitter; each further one is twice as long.
    public var firstPause: Duration
    /// The longest pause.
    public var longestPause: Duration

    /// Makes a policy; the first pause is short because most restarts are.
    ///
    /// - Parameters:
    ///   - patience: How long to try again.
    ///   - firstPause: The first pause, before jitter.
    ///   - longestPause: By default a second, but at most a twentieth of the patience: a server that comes and
    ///     goes is to be met, not missed a few times.
    public init(
        patience: Duration,
        firstPause: Duration = .milliseconds(20),
        longestPause: Duration? = nil
    ) {
        self.patience = patience
        self.firstPause = firstPause
        self.longestPause = longestPause ?? max(firstPause, min(.seconds(1), patience / 20))
    }

    /// Gives up at the first loss.
    public static let never = RetryPolicy(patience: .zero)
}

/// The state of seeking a connection again: losses and progress in, pauses out.
struct Retry {
    enum Decision: Equatable {
        case again(after: Duration)
        /// Enough; `tried` is how long, nil if nothing was tried again.
        case giveUp(tried: Duration?)
    }

    let policy: RetryPolicy
    private var lostSince: ContinuousClock.Instant?
    private var pause: Duration

    init(policy: RetryPolicy) {
        self.policy = policy
        pause = policy.firstPause
    }

    /// A new answer came: the next loss begins a new count.
    mutating func progressed() {
        lostSince = nil
        pause = policy.firstPause
    }

    /// The connection was lost, or did not come about.
    ///
    /// - Parameter chance: A random number in 0..<1. The pause is between half and all of what it could be, so that
    ///   many clients of a restarted server do not come back at the same moment.
    mutating func lost(at now: ContinuousClock.Instant, chance: Double) -> Decision {
        let began = lostSince ?? now
        let tried = began.duration(to: now)
        guard tried < policy.patience else { return .giveUp(tried: lostSince == nil ? nil : tried) }
        lostSince = began
        let jittered = pause * (0.5 + chance / 2)
        pause = min(pause * 2, policy.longestPause)
        // The last attempt is made when the patience ends, not before.
        return .again(after: min(jittered, policy.patience - tried))
    }
}
