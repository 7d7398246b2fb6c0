import Synchronization

/// Counts the requests that sessions answer, by kind and by size, for ``Statistics``.
///
/// Each worker has its own, so counting takes no lock and shares no cache line. Other threads only read it.
public final class RequestTally: Sendable {
    /// The most kinds that a session may distinguish.
    public static let maximumKinds = 4
    /// The number of size classes. Class `n` has requests of at most `4 << (2 * n)` bytes (4, 16, … 1 MiB), the last one all
    /// longer ones.
    public static let sizeClasses = 11
    static let sizeBounds = (0..<(sizeClasses - 1)).map { UInt64(4) << (2 * $0) }

    // Padding: a cache line before and after the counters.
    private let before = InlineArray<8, UInt64>(repeating: 0)
    private let requestCounts = InlineArray<4, Atomic<UInt64>> { _ in Atomic(0) }
    private let byteCounts = InlineArray<4, Atomic<UInt64>> { _ in Atomic(0) }
    let sizes = HistogramCells()
    private let behind = InlineArray<8, UInt64>(repeating: 0)

    /// All counters are 0. A server makes its own; a test of a session may need one.
    public init() {}

    /// Counts one request.
    ///
    /// - Parameters:
    ///   - size: Its bytes, as the histogram of sizes shows them; at least 0.
    ///   - kind: The index of its kind in the session's `requestKinds`.
    public func add(size: Int, kind: Int = 0) {
        add(requests: 1, bytes: size, kind: kind)
        let bound = Self.sizeBounds.firstIndex { size <= $0 } ?? Self.sizeClasses - 1
        add(requests: 1, sizeClass: bound)
    }

    /// Counts requests of one kind and their bytes. Count the same requests with ``add(requests:sizeClass:)``, too.
    public func add(requests: Int, bytes: Int, kind: Int) {
        guard requests > 0, (0..<Self.maximumKinds).contains(kind) else { return }
        let bytes = UInt64(truncatingIfNeeded: bytes)
        requestCounts[kind].add(UInt64(truncatingIfNeeded: requests))
        byteCounts[kind].add(bytes)
        sizes.addSum(bytes)
    }

    /// Counts requests of one class of size.
    public func add(requests: Int, sizeClass: Int) {
        guard requests > 0, (0..<Self.sizeClasses).contains(sizeClass) else { return }
        sizes.add(UInt64(truncatingIfNeeded: requests), toClass: sizeClass)
    }

    func requests(ofKind kind: Int) -> UInt64 { requestCounts[kind].load(ordering: .relaxed) }
    func bytes(ofKind kind: Int) -> UInt64 { byteCounts[kind].load(ordering: .relaxed) }
}
