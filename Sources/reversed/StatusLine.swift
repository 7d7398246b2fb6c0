import DispatchServer
import Quantities

/// The line that `systemctl status` shows while the daemon runs.
struct StatusLine {
    typealias Instant = SuspendingClock.Instant

    private var last = Statistics()
    private var measuredAt: Instant?
    private var linesPerSecond: UInt64 = 0
    private var bytesPerSecond: UInt64 = 0
    private var reloadFailure: String?

    /// Records the end of a reload. A failure is shown until the next successful reload.
    ///
    /// - Parameter failure: Why it failed; nil if it was successful.
    mutating func reloadEnded(failure: String?) {
        reloadFailure = failure
    }

    /// The status while the daemon serves.
    ///
    /// - Parameters:
    ///   - addresses: Where it listens.
    ///   - statistics: The current counters. The rates are computed over at least half a second.
    ///   - now: The current time.
    mutating func serving(_ addresses: [String], _ statistics: Statistics, at now: Instant) -> String {
        measure(statistics, at: now)
        let failure = reloadFailure.map { "; the last reload failed: \($0)" } ?? ""
        return """
            Listening on \(addresses.joined(separator: ", ")); \(Self.connections(statistics.connections)), \
            \(linesPerSecond) lines/s, \(ByteCountText.approximate(bytesPerSecond))/s\(failure)
            """
    }

    /// The status while the daemon stops.
    static func draining(_ connections: Int) -> String {
        "Stopping: \(Self.connections(connections)) left"
    }

    /// The status while the daemon hands its connections over.
    static func handingOver(_ connections: Int) -> String {
        "Handing over \(Self.connections(connections)) to the next process"
    }

    static func connections(_ count: Int) -> String { "\(count) connection\(count == 1 ? "" : "s")" }

    static func lines(_ count: UInt64) -> String { "\(count) line\(count == 1 ? "" : "s")" }

    private mutating func measure(_ statistics: Statistics, at now: Instant) {
        if let measuredAt {
            let (seconds, attoseconds) = measuredAt.duration(to: now).components
            let elapsed = Double(seconds) + Double(attoseconds) / 1e18
            guard elapsed >= 0.5 else { return }
            linesPerSecond = Self.rate(statistics.requests &- last.requests, elapsed)
            bytesPerSecond = Self.rate(statistics.bytes &- last.bytes, elapsed)
        }
        measuredAt = now
        last = statistics
    }

    private static func rate(_ growth: UInt64, _ seconds: Double) -> UInt64 {
        UInt64(exactly: (Double(growth) / seconds).rounded()) ?? 0
    }
}
