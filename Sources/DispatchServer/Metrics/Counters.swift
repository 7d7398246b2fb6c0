import Synchronization

/// Counters that one thread adds to and others read. Each worker has its own, so that counting on many cores shares no
/// cache line.
final class Counters: Sendable {
    /// One event in this many is timed.
    static let timedShare = 16
    /// 2 µs to 1 s, in nanoseconds.
    static let serviceTimeBounds: [UInt64] = [
        2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000,
        10_000_000, 100_000_000, 1_000_000_000,
    ]

    // Padding: a cache line before and after the counters.
    private let before = InlineArray<8, UInt64>(repeating: 0)
    private let requestCount = Atomic<UInt64>(0)
    private let byteCount = Atomic<UInt64>(0)
    let serviceTimes = HistogramCells()
    private let behind = InlineArray<8, UInt64>(repeating: 0)

    var requests: UInt64 { requestCount.load(ordering: .relaxed) }
    var bytes: UInt64 { byteCount.load(ordering: .relaxed) }

    func add(requests count: Int, bytes size: Int) {
        requestCount.add(UInt64(truncatingIfNeeded: count))
        byteCount.add(UInt64(truncatingIfNeeded: size))
    }

    func addServiceTime(_ nanoseconds: UInt64) {
        let bounds = Self.serviceTimeBounds
        serviceTimes.add(1, toClass: bounds.firstIndex { nanoseconds <= $0 } ?? bounds.count)
        serviceTimes.addSum(nanoseconds)
    }
}
