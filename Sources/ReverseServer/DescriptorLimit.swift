import Glibc

/// Keeps the descriptor table from ever being full: libdispatch kills the process when it cannot open a file
/// ("workq: registered worker exited prematurely"), and any client could bring that about.
public enum DescriptorLimit {
    /// Descriptors for all that is neither a client nor a listener: libdispatch's own, the log, files being read. About
    /// 20 are ever open at once.
    private static let reserve: ClosedRange<UInt64> = 32...128

    /// What came of asking for room.
    public struct Outcome: Equatable, Sendable {
        /// How many clients there is room for.
        public var maximumConnections: Int
        /// The soft limit now in force (`RLIMIT_NOFILE`, getrlimit(2)).
        public var descriptors: UInt64
    }

    /// Raises the soft limit so that `maximumConnections` clients fit, as far as the hard limit allows, and says how
    /// many do fit. The soft limit is never lowered.
    ///
    /// - Parameter listeners: How many sockets may be listening at once, those included that a reload is about to close.
    public static func makeRoom(forConnections maximumConnections: Int, listeners: Int) -> Outcome {
        let wanted =
            rlim_t(clamping: maximumConnections) + rlim_t(clamping: listeners) + rlim_t(reserve.upperBound)
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return Outcome(maximumConnections: min(maximumConnections, 256), descriptors: 0)
        }
        if limit.rlim_cur < wanted {
            var raised = limit
            raised.rlim_cur = min(wanted, limit.rlim_max)
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
        }
        return Outcome(
            maximumConnections: min(
                maximumConnections,
                connections(within: UInt64(limit.rlim_cur), listeners: listeners)
            ),
            descriptors: UInt64(limit.rlim_cur)
        )
    }

    /// How many clients fit a limit of open files, at least 1.
    public static func connections(within descriptors: UInt64, listeners: Int) -> Int {
        // Where descriptors are scarce, a quarter is kept back instead of as many as are comfortable.
        let kept =
            UInt64(clamping: listeners) + min(max(descriptors / 4, reserve.lowerBound), reserve.upperBound)
        return descriptors > kept ? Int(clamping: descriptors - kept) : 1
    }
}
