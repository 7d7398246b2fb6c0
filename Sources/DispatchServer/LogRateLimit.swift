/// Decides which messages of one kind are logged, so that no client can flood the log.
///
/// In each interval the first `burst` messages are logged. The others are counted, and the first message after the interval
/// reports the count, or ``takeOmitted(at:)`` if there is none.
///
/// journald drops messages of any level if a service writes more than RateLimitBurst= in RateLimitIntervalSec=
/// (journald.conf(5): 10,000 in 30 s, more on a large disk). The sum of all kinds stays below that.
struct LogRateLimit: Sendable {
    /// What to do with a message.
    enum Decision: Equatable {
        /// Log it. `omitted` messages of its kind were omitted before it and have not been reported yet.
        case log(omitted: UInt64)
        /// Do not log it.
        case omit
    }

    private let burst: UInt64
    private let interval: Milliseconds
    private var intervalStart: Milliseconds?
    private var logged: UInt64 = 0
    private var omitted: UInt64 = 0

    /// - Parameters:
    ///   - burst: How many messages are logged in an interval, at least 1.
    ///   - interval: Its length. An interval begins with the first message after the previous one.
    init(burst: UInt64, interval: Milliseconds) {
        self.burst = max(1, burst)
        self.interval = interval
    }

    /// Counts a message, and decides whether to log it.
    mutating func decide(at now: Milliseconds) -> Decision {
        let report = takeOmitted(at: now)
        if isOver(at: now) {
            intervalStart = now
            logged = 0
        }
        guard logged < burst else {
            omitted += 1
            return .omit
        }
        logged += 1
        return .log(omitted: report)
    }

    /// Returns how many messages were omitted in an interval that is over, and marks them as reported. Call it from time to time,
    /// and with `.max` before the process ends.
    mutating func takeOmitted(at now: Milliseconds) -> UInt64 {
        guard omitted > 0, isOver(at: now) else { return 0 }
        defer { omitted = 0 }
        return omitted
    }

    private func isOver(at now: Milliseconds) -> Bool {
        guard let intervalStart else { return true }
        // The clock on another processor may be slightly behind.
        return now > intervalStart && now - intervalStart >= interval
    }
}

extension LogRateLimit {
    /// Clients that connect and disconnect: on average 200 messages a second.
    static var connections: LogRateLimit { LogRateLimit(burst: 1000, interval: 5000) }
    /// Clients that violate the protocol or a limit, for example by a line that is too long: on average 10 a second.
    static var refusals: LogRateLimit { LogRateLimit(burst: 50, interval: 5000) }
    /// Hot loops that fail: a fault of the system, which may repeat.
    static var loopFailures: LogRateLimit { LogRateLimit(burst: 3, interval: 60_000) }
    /// Clients that are refused: on average one a second.
    static var refusedClients: LogRateLimit { LogRateLimit(burst: 10, interval: 10_000) }
}
