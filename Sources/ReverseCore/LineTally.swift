/// The way in which a line was reversed: how much of it had to be looked at. A longer way takes more time per byte.
public enum ReversalPath: Int, CaseIterable, Sendable {
    /// Byte by byte, many at once: a line of plain ASCII, and every line where the unit is the byte.
    case ascii
    /// Scalar by scalar: no rule for characters of several scalars was needed.
    case scalars
    /// By the rules for grapheme clusters (UAX #29).
    case graphemes

    /// The name in figures: `ascii`, `scalars`, `graphemes`.
    public var name: String { "\(self)" }
}

/// How many lines were answered, by path and by size. A session adds to it; the owner reads it and begins a new one.
///
/// A value on the stack: adding a line to it costs about a nanosecond and no memory.
public struct LineTally: Sendable {
    /// How many classes of size there are. Class `n` holds lines of at most `4 << (2 * n)` bytes (4, 16, … 1 MiB), the
    /// last one those that are longer.
    public static let sizeClasses = 11

    /// Lines by the `rawValue` of their path.
    public private(set) var lines = InlineArray<3, Int>(repeating: 0)
    /// The bytes of these lines, terminators not counted.
    public private(set) var bytes = InlineArray<3, Int>(repeating: 0)
    /// Lines by the class of their size.
    public private(set) var sizes = InlineArray<11, UInt32>(repeating: 0)

    /// Nothing yet.
    public init() {}

    /// Counts one line of `size` bytes.
    @inline(__always)
    mutating func add(_ size: Int, _ path: ReversalPath) {
        lines[path.rawValue] &+= 1
        bytes[path.rawValue] &+= size
        sizes[Self.sizeClass(size)] &+= 1
    }

    /// The class of a size of at least 0: each holds four times the size of the one before.
    @inline(__always)
    static func sizeClass(_ size: Int) -> Int {
        let width = Int.bitWidth &- (max(size, 4) &- 1).leadingZeroBitCount
        return min((width &+ 1) / 2 &- 1, sizeClasses &- 1)
    }
}
