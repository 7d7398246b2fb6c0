import Glibc

/// Milliseconds of the monotonic clock, read coarsely (`CLOCK_MONOTONIC_COARSE`, clock_gettime(2)): a few nanoseconds
/// a reading, right to about 4 ms.
typealias Milliseconds = UInt64

enum Clock {
    static func now() -> Milliseconds {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
        return Milliseconds(truncatingIfNeeded: time.tv_sec) &* 1000 &+ Milliseconds(
            truncatingIfNeeded: time.tv_nsec
        ) / 1_000_000
    }
}

extension Duration {
    /// Whole milliseconds, rounded up; no more than fits.
    var milliseconds: Milliseconds {
        let (seconds, attoseconds) = components
        guard seconds >= 0, seconds < Int64.max / 1000 else {
            return seconds < 0 ? 0 : Milliseconds(Int64.max)
        }
        return Milliseconds(seconds) * 1000 + Milliseconds(max(0, attoseconds) + 999_999_999_999_999)
            / 1_000_000_000_000_000
    }
}
