import Glibc

/// Keeps the descriptor table from ever being full: libdispatch kills the process when it cannot open a file
/// ("workq: registered worker exited prematurely"), and any client could bring that about.
public enum DescriptorLimit {
    /// Descriptors for all that is not a client: listeners, libdispatch's own, the log, files being read.
    public static let reserve = 128

    /// What came of asking for room.
    public struct Outcome: Equatable, Sendable {
        /// How many clients there is room for.
        public var maximumConnections: Int
        /// The soft limit now in force (`RLIMIT_NOFILE`, getrlimit(2)).
        public var descriptors: UInt64
    }

    /// Raises the soft limit so that `maximumConnections` clients fit, as far as the hard limit allows, and says how
    /// many do fit. The soft limit is never lowered.
    public static func makeRoom(forConnections maximumConnections: Int) -> Outcome {
        let reserve = rlim_t(Self.reserve)
        let wanted = rlim_t(clamping: maximumConnections) + reserve
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return Outcome(maximumConnections: min(maximumConnections, 256), descriptors: 0)
        }
        if limit.rlim_cur < wanted {
            var raised = limit
            raised.rlim_cur = min(wanted, limit.rlim_max)
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
        }
        let room = limit.rlim_cur > reserve ? limit.rlim_cur - reserve : 1
        return Outcome(
            maximumConnections: min(maximumConnections, Int(clamping: room)),
            descriptors: UInt64(limit.rlim_cur)
        )
    }
}
