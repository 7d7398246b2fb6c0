/// Decides when a status line is worth a datagram: only when it differs from what systemd shows, at most once in an
/// interval, and then the newest.
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

    /// The time of a `.wait` has come.
    mutating func timerFired(at now: Instant) -> Decision {
        guard let waiting else { return .nothing }
        if let due, now < due { return .wait(until: due) }
        return send(waiting, at: now)
    }

    /// A status went out with READY, RELOADING or STOPPING. A text that still waits is older than it.
    mutating func wasShown(_ text: String, at now: Instant) {
        shown = text
        shownAt = now
        waiting = nil
    }

    /// The text that still waits, taken out of turn because no later turn will come.
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
