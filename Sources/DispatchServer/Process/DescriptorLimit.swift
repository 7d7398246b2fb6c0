import Glibc

/// Keeps the descriptor table from filling up: libdispatch ends the process if it cannot open a file
/// ("workq: registered worker exited prematurely"), and without a limit clients could cause that.
public enum DescriptorLimit {
    /// How many descriptors to reserve for other purposes than clients, listeners and those open at the start: libdispatch, hot
    /// loops, the log, files being read. At most about 20 are open at once.
    static let reserve: ClosedRange<rlim_t> = 32...128

    struct Outcome: Equatable {
        /// How many clients fit.
        var maximumConnections: Int
        /// The current soft limit (`RLIMIT_NOFILE`, getrlimit(2)).
        var descriptors: UInt64
    }

    /// Raises the soft limit for `wanted` clients, as far as the hard limit allows, and returns how many fit. The soft limit is
    /// never lowered.
    ///
    /// - Parameters:
    ///   - listeners: How many sockets may listen at once, including those that a reload is about to close.
    ///   - open: How many descriptors are open for other purposes.
    /// - Returns: Nil if the limit is too low for a single client.
    static func raise(forConnections wanted: Int, listeners: Int, open: Int) -> Outcome? {
        let needed =
            rlim_t(clamping: wanted) + rlim_t(clamping: listeners) + rlim_t(clamping: open)
            + reserve.upperBound
        guard let limit = current else { return nil }
        let descriptors = UInt64(raiseSoftLimit(of: limit, to: needed))
        guard let fit = connections(within: descriptors, listeners: listeners, open: open) else { return nil }
        return Outcome(maximumConnections: min(wanted, fit), descriptors: descriptors)
    }

    /// Raises the soft limit by `count`, as far as the hard limit allows: descriptors in messages count against it
    /// (`ETOOMANYREFS`, unix(7)).
    static func raiseSoftLimit(by count: Int) {
        guard let limit = current else { return }
        let (wanted, overflow) = limit.rlim_cur.addingReportingOverflow(rlim_t(clamping: count))
        _ = raiseSoftLimit(of: limit, to: overflow ? .max : wanted)
    }

    /// The limits of this process (`RLIMIT_NOFILE`, getrlimit(2)); nil if the system refuses to name them.
    private static var current: rlimit? {
        var limit = rlimit()
        return unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? limit : nil
    }

    /// Raises the soft limit as far as the hard limit allows. Returns the soft limit, raised or not.
    private static func raiseSoftLimit(of limit: rlimit, to wanted: rlim_t) -> rlim_t {
        guard limit.rlim_cur < wanted else { return limit.rlim_cur }
        var raised = limit
        raised.rlim_cur = min(wanted, limit.rlim_max)
        let isRaised = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0
        return isRaised ? raised.rlim_cur : limit.rlim_cur
    }

    /// How many clients fit a limit of open files; nil if none does.
    ///
    /// - Parameters:
    ///   - descriptors: The limit of open files (RLIMIT_NOFILE, getrlimit(2)).
    ///   - listeners: How many sockets may listen at once.
    ///   - open: How many descriptors are open for other purposes.
    public static func connections(within descriptors: UInt64, listeners: Int, open: Int) -> Int? {
        let descriptors = rlim_t(clamping: descriptors)
        // With few descriptors a quarter is reserved instead of the upper bound.
        let kept =
            rlim_t(clamping: listeners) + rlim_t(clamping: open)
            + min(max(descriptors / 4, reserve.lowerBound), reserve.upperBound)
        return descriptors > kept ? Int(clamping: descriptors - kept) : nil
    }

    /// How many descriptors this process has open, including inherited ones.
    static func countOpen() -> Int {
        guard let limit = current else { return 0 }
        // poll(2) checks many descriptors in one call, at most as many as the limit, and works without /proc. Inherited
        // descriptors may be above a limit that was lowered later, so at least 4,096 numbers are checked.
        let end = Int32(clamping: min(max(limit.rlim_cur, 4096), 1 << 20))
        let chunk = Int32(clamping: min(max(limit.rlim_cur, 1), 1024))
        return stride(from: 0, to: end, by: Int(chunk)).reduce(0) { count, first in
            var entries = (first..<min(first + chunk, end)).map { pollfd(fd: $0, events: 0, revents: 0) }
            guard unsafe poll(&entries, nfds_t(entries.count), 0) >= 0 else { return count }
            return count + entries.count { $0.revents & Int16(POLLNVAL) == 0 }
        }
    }
}
