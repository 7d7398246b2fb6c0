import CLinux
import Glibc
import Quantities

/// Milliseconds of the monotonic clock.
typealias Milliseconds = UInt64

enum Clock {
    /// The current time, from the coarse clock (`CLOCK_MONOTONIC_COARSE`, clock_gettime(2)): a reading takes a few nanoseconds
    /// and is accurate to about 4 ms.
    static func now() -> Milliseconds { nanoseconds(CLOCK_MONOTONIC_COARSE) / 1_000_000 }

    /// A clock of clock_gettime(2).
    static func nanoseconds(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000_000_000
            &+ UInt64(truncatingIfNeeded: time.tv_nsec)
    }
}

extension Duration {
    /// Whole milliseconds, rounded up, so that no timeout ends too early.
    var milliseconds: Milliseconds { Milliseconds(clamping: wholeMilliseconds(roundingUp: true)) }
}
