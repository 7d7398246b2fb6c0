import Synchronization

/// How many values fell into each class, and their sum.
public struct Histogram: Equatable, Sendable {
    /// The largest value of each class but the last, ascending.
    public var bounds: [UInt64]
    /// The number of values in each class; one more than `bounds`, for values above the last bound.
    public var counts: [UInt64]
    /// The sum of all values.
    public var sum: UInt64

    /// An empty histogram.
    public init(bounds: [UInt64]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
        sum = 0
    }

    /// Adds cells with the same bounds.
    mutating func add(_ cells: borrowing HistogramCells) {
        for index in counts.indices { counts[index] &+= cells.count(index) }
        sum &+= cells.sum
    }
}

/// The memory of a histogram that one thread adds to and others read.
struct HistogramCells: ~Copyable, Sendable {
    private let cells = InlineArray<16, Atomic<UInt64>> { _ in Atomic(0) }
    private let total = Atomic<UInt64>(0)

    var sum: UInt64 { total.load(ordering: .relaxed) }

    func count(_ index: Int) -> UInt64 { cells[index].load(ordering: .relaxed) }

    /// - Parameter index: The class, 0..<16.
    func add(_ values: UInt64, toClass index: Int) { cells[index].add(values) }

    func addSum(_ sum: UInt64) { total.add(sum) }
}

extension Atomic where Value == UInt64 {
    /// Adds a value, for a single writer: a load and a store suffice, and cost no more than on plain memory.
    @inline(__always)
    borrowing func add(_ value: UInt64) { store(load(ordering: .relaxed) &+ value, ordering: .relaxed) }
}
