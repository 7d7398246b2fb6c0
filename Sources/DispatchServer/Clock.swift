import Glibc

/// Milliseconds of the monotonic clock.
typealias Milliseconds = UInt64

enum Clock {
    /// The time now, read coarsely (`CLOCK_MONOTONIC_COARSE`, clock_gettime(2)): a few nanoseconds a reading, right to
    /// about 4 ms.
    static func now() -> Milliseconds { nanoseconds(CLOCK_MONOTONIC_COARSE) / 1_000_000 }

    /// A clock of clock_gettime(2).
    static func nanoseconds(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000_000_000
            &+ UInt64(truncatingIfNeeded: time.tv_nsec)
    }
}

extension Duration {
    /// Whole milliseconds, rounded up; negative ones are 0, and more than fits is the most that fits.
    var milliseconds: Milliseconds {
        let (seconds, attoseconds) = components
        guard seconds >= 0, seconds < Int64.max / 1000 else {
            return seconds < 0 ? 0 : Milliseconds(Int64.max)
        }
        return Milliseconds(seconds) * 1000 + Milliseconds(max(0, attoseconds) + 999_999_999_999_999)
            / 1_000_000_000_000_000
    }
}
