import Sockets

/// The order and the times in which the addresses of a host are tried (RFC 8305, "Happy Eyeballs"): the families take
/// turns, an attempt that has not succeeded after a moment gets company, and one that fails is followed at once.
///
/// It does no I/O: its owner begins the attempts and reports their failures. The first that succeeds wins.
struct ConnectionRace {
    enum Step: Equatable {
        /// Begin to connect to the address at this index of `addresses`.
        case begin(Int)
        /// Attempts are under way; look again when one of them is ready, or at this time (nil: no other will begin).
        case wait(until: ContinuousClock.Instant?)
        /// Every address has failed.
        case exhausted
    }

    /// The Connection Attempt Delay that RFC 8305, section 5 recommends.
    static let recommendedDelay = Duration.milliseconds(250)

    /// All addresses in the order in which they are tried.
    let addresses: [SocketAddress]
    private let delay: Duration
    private var next = 0
    private var underWay = 0
    /// When the next attempt may begin although others are under way; nil for at once.
    private var nextBegin: ContinuousClock.Instant?

    /// - Parameter addresses: In the order of the system's preference (RFC 6724).
    init(_ addresses: [SocketAddress], delay: Duration = recommendedDelay) {
        self.addresses = Self.interleaved(addresses)
        self.delay = delay
    }

    /// Says what to do now; to be asked again after every `.begin`.
    mutating func step(at now: ContinuousClock.Instant) -> Step {
        guard next < addresses.count else { return underWay > 0 ? .wait(until: nil) : .exhausted }
        if underWay > 0, let nextBegin, now < nextBegin { return .wait(until: nextBegin) }
        defer { next += 1 }
        underWay += 1
        nextBegin = now + delay
        return .begin(next)
    }

    /// One of the attempts under way has failed.
    mutating func attemptFailed() {
        underWay -= 1
        nextBegin = nil
    }

    /// The families in turn, beginning with that of the first address (RFC 8305, section 4).
    static func interleaved(_ addresses: [SocketAddress]) -> [SocketAddress] {
        guard let first = addresses.first else { return [] }
        let own = addresses.filter { $0.family == first.family }
        let others = addresses.filter { $0.family != first.family }
        var result: [SocketAddress] = []
        for index in 0..<max(own.count, others.count) {
            if index < own.count { result.append(own[index]) }
            if index < others.count { result.append(others[index]) }
        }
        return result
    }
}
