import Sockets

/// Decides when to try which address of a host (RFC 8305, "Happy Eyeballs"): the address families alternate, the next attempt
/// starts a quarter of a second after the last one, or at once when one fails.
///
/// It does no I/O. The owner starts the attempts and reports failures. The first attempt that succeeds wins.
struct ConnectionRace {
    enum Step: Equatable {
        /// Start connecting to the address at this index of `addresses`.
        case begin(Int)
        /// Attempts are running. Ask again when one of them is ready, or at this time (nil: there are no more addresses).
        case wait(until: ContinuousClock.Instant?)
        /// Every address has failed.
        case exhausted
    }

    /// The Connection Attempt Delay of RFC 8305, section 5.
    static let recommendedDelay = Duration.milliseconds(250)

    /// All addresses, in the order of the attempts.
    let addresses: [SocketAddress]
    private let delay: Duration
    private var next = 0
    private var underWay = 0
    /// When the next attempt may start while others are running; nil for at once.
    private var nextBegin: ContinuousClock.Instant?

    /// - Parameter addresses: In the system's order of preference (RFC 6724).
    init(_ addresses: [SocketAddress], delay: Duration = recommendedDelay) {
        self.addresses = Self.interleaved(addresses)
        self.delay = delay
    }

    /// Returns what to do now. Call it again after each `.begin`.
    mutating func step(at now: ContinuousClock.Instant) -> Step {
        guard next < addresses.count else { return underWay > 0 ? .wait(until: nil) : .exhausted }
        if underWay > 0, let nextBegin, now < nextBegin { return .wait(until: nextBegin) }
        defer { next += 1 }
        underWay += 1
        nextBegin = now + delay
        return .begin(next)
    }

    /// One of the running attempts has failed.
    mutating func attemptFailed() {
        underWay -= 1
        nextBegin = nil
    }

    /// The addresses with alternating families, starting with the family of the first (RFC 8305, section 4).
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
