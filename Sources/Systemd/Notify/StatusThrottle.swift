/// Decides when to send a status: only if it differs from the shown one, at most once per interval, and only the newest.
struct StatusThrottle: Sendable {
    typealias Instant = SuspendingClock.Instant

    enum Decision: Equatable {
        /// Send this text now.
        case send(String)
        /// Call `timerFired` at that time.
        case wait(until: Instant)
        /// Nothing new, or a timer is already set for it.
        case nothing
    }

    private let interval: Duration
    private var shown: String?
    private var shownAt: Instant?
    private var waiting: String?

    init(interval: Duration) {
        self.interval = interval
    }

    /// The daemon's status is now `text`.
    mutating func offer(_ text: String, at now: Instant) -> Decision {
        guard text != shown else {
            waiting = nil
            return .nothing
        }
        guard let due, now < due else { return send(text, at: now) }
        defer { waiting = text }
        return waiting == nil ? .wait(until: due) : .nothing
    }

    /// The time of a `.wait` is over.
    mutating func timerFired(at now: Instant) -> Decision {
        guard let waiting else { return .nothing }
        if let due, now < due { return .wait(until: due) }
        return send(waiting, at: now)
    }

    /// A status was sent with READY, RELOADING or STOPPING. A waiting text is older, and is dropped.
    mutating func wasShown(_ text: String, at now: Instant) {
        shown = text
        shownAt = now
        waiting = nil
    }

    /// Removes and returns the waiting text, before the process ends.
    mutating func takeWaiting() -> String? {
        defer { waiting = nil }
        return waiting
    }

    private var due: Instant? {
        shownAt.map { $0.advanced(by: interval) }
    }

    private mutating func send(_ text: String, at now: Instant) -> Decision {
        wasShown(text, at: now)
        return .send(text)
    }
}
