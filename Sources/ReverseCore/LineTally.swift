/// The algorithm with which a line was reversed. Each takes more time per byte than the one before.
public enum ReversalPath: Int, CaseIterable, Sendable {
    /// Many bytes at once: plain ASCII, and every line if the unit is the byte.
    case ascii
    /// Scalar by scalar, without the rules for grapheme clusters.
    case scalars
    /// By the rules for grapheme clusters (UAX #29).
    case graphemes

    /// The name in metrics: `ascii`, `scalars`, `graphemes`.
    public var name: String { "\(self)" }
}

/// The number of answered lines, by path and by size. A session adds to it; the owner reads it and makes a new one.
///
/// It is a value on the stack: adding a line takes about a nanosecond, and allocates nothing.
public struct LineTally: Sendable {
    /// The number of size classes. Class `n` has lines of at most `4 << (2 * n)` bytes (4, 16, … 1 MiB), the last one all longer
    /// ones.
    public static let sizeClasses = 11

    /// Lines by the `rawValue` of their path.
    public private(set) var lines = InlineArray<3, Int>(repeating: 0)
    /// The bytes of these lines, terminators not counted.
    public private(set) var bytes = InlineArray<3, Int>(repeating: 0)
    /// Lines by the class of their size.
    public private(set) var sizes = InlineArray<11, UInt32>(repeating: 0)

    /// All counters 0.
    public init() {}

    /// Counts one line of `size` bytes.
    @inline(__always)
    mutating func add(_ size: Int, _ path: ReversalPath) {
        lines[path.rawValue] &+= 1
        bytes[path.rawValue] &+= size
        sizes[Self.sizeClass(size)] &+= 1
    }

    /// The class of a size, which must not be negative.
    @inline(__always)
    static func sizeClass(_ size: Int) -> Int {
        let width = Int.bitWidth &- (max(size, 4) &- 1).leadingZeroBitCount
        return min((width &+ 1) / 2 &- 1, sizeClasses &- 1)
    }
}
