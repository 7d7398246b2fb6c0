import Glibc
import TextEscaping

/// What WATCHDOG_USEC and WATCHDOG_PID ask for, see sd_watchdog_enabled(3).
public struct WatchdogRequest: Sendable, Equatable {
    /// systemd restarts the service if it gets no WATCHDOG=1 for this long; nil if no pings are requested.
    public let period: Duration?

    /// Why the variables are not usable, as a sentence for the log; nil when they are usable or absent.
    public let warning: String?

    /// Reads the variables.
    ///
    /// - Parameters:
    ///   - environment: Where the variables are read.
    ///   - processID: The process that WATCHDOG_PID must name, if it is set.
    public init(environment: Environment = .process, processID: pid_t = getpid()) {
        (period, warning) = Self.read(environment, processID: processID)
    }

    private static func read(_ environment: Environment, processID: pid_t) -> (Duration?, warning: String?) {
        guard let watchdogUSec = environment["WATCHDOG_USEC"] else { return (nil, nil) }
        func refuse(_ name: String, _ value: String, _ expected: String) -> (Duration?, warning: String?) {
            (nil, "\(name)=\(PrintableText.excerpt(value)) is not \(expected): the watchdog is off")
        }
        // systemd uses the largest number for "never".
        guard let microseconds = DecimalNumber.parse(watchdogUSec), microseconds > 0, microseconds < .max
        else {
            return refuse("WATCHDOG_USEC", watchdogUSec, "a number of microseconds")
        }
        if let watchdogPID = environment["WATCHDOG_PID"] {
            guard let receiver = DecimalNumber.parse(watchdogPID), receiver > 0 else {
                return refuse("WATCHDOG_PID", watchdogPID, "a process")
            }
            guard receiver == UInt64(clamping: processID) else { return (nil, nil) }
        }
        return (.microseconds(Int64(clamping: microseconds)), nil)
    }
}
