/// Bytes in the order in which they came, taken from the front while more are added behind.
///
/// The memory is a ring: adding and dropping move no bytes. A stretch is contiguous up to the end of the memory, so a
/// reader of everything asks at most twice.
struct ByteRing: ~Copyable {
    private var memory: UnsafeMutableRawBufferPointer
    private var head = 0
    /// How many bytes are held, 0...capacity.
    private(set) var count = 0

    var capacity: Int { memory.count }
    var free: Int { memory.count - count }

    init(capacity: Int) {
        memory = .allocate(byteCount: max(1, capacity), alignment: 64)
    }

    deinit { memory.deallocate() }

    /// Moves to a memory of at least `wanted` bytes; never shrinks.
    mutating func grow(to wanted: Int) {
        guard wanted > capacity else { return }
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: wanted, alignment: 64)
        // Bounds: the two stretches are together `count` bytes, and count <= capacity < wanted.
        let first = stretch(at: 0)
        larger.copyMemory(from: first)
        if first.count < count {
            UnsafeMutableRawBufferPointer(rebasing: larger[first.count...]).copyMemory(
                from: stretch(at: first.count)
            )
        }
        memory.deallocate()
        memory = larger
        head = 0
    }

    /// The contiguous bytes that begin `offset` bytes after the front: all that are held, or those up to the end of the
    /// memory. Valid until the ring is changed.
    func stretch(at offset: Int) -> UnsafeRawBufferPointer {
        precondition(offset >= 0 && offset <= count)
        var start = head + offset
        if start >= capacity { start -= capacity }
        // Bounds: start < capacity, and the length ends at the memory's end or before.
        let length = min(count - offset, capacity - start)
        return UnsafeRawBufferPointer(rebasing: memory[start..<(start + length)])
    }

    /// Lets `body` write into the contiguous free space behind the last byte, at most `limit` bytes, and adds as many as
    /// it says it wrote.
    mutating func append<Failure: Error>(
        atMost limit: Int,
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) -> Int {
        if count == 0 { head = 0 }
        var start = head + count
        if start >= capacity { start -= capacity }
        let length = min(free, capacity - start, max(0, limit))
        let written = try body(UnsafeMutableRawBufferPointer(rebasing: memory[start..<(start + length)]))
        precondition(written >= 0 && written <= length)
        count += written
        return written
    }

    /// Forgets the oldest `amount` bytes.
    mutating func drop(_ amount: Int) {
        precondition(amount >= 0 && amount <= count)
        head += amount
        if head >= capacity { head -= capacity }
        count -= amount
    }

    /// Forgets the newest bytes, so that `amount` are left.
    mutating func keepFirst(_ amount: Int) {
        precondition(amount >= 0 && amount <= count)
        count = amount
    }
}
