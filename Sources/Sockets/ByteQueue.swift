import Glibc

/// A contiguous queue of bytes: added at the back, taken from the front.
///
/// Taking bytes moves only an offset. The rest is moved to the start of the memory when at least half of it is free
/// there, so n bytes cost O(n) copies in total. An empty queue owns no memory.
public struct ByteQueue: ~Copyable {
    private var base: UnsafeMutableRawPointer?
    private var capacity = 0
    private var head = 0
    /// The number of bytes held.
    public private(set) var count = 0

    /// Makes an empty queue.
    public init() {}

    deinit { base?.deallocate() }

    /// Whether no bytes are held.
    public var isEmpty: Bool { count == 0 }

    /// The bytes held, valid until the next change.
    public var bytes: UnsafeMutableRawBufferPointer {
        // Bounds: head + count <= capacity, the size of the allocation.
        UnsafeMutableRawBufferPointer(start: base.map { $0 + head }, count: count)
    }

    /// The bytes held and the free memory after them, one allocation. Valid until the next change.
    public var bytesAndSpare: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: base.map { $0 + head }, count: capacity - head)
    }

    /// Makes space for at least `minimum` more bytes.
    public mutating func reserve(_ minimum: Int) {
        guard capacity - head - count < minimum else { return }
        if let base, head >= capacity / 2, capacity - count >= minimum {
            memmove(base, base + head, count)
            head = 0
        } else {
            reallocate(max(count + minimum, 2 * count))
        }
    }

    /// Adds `added` bytes that the caller has written after the bytes held.
    public mutating func commit(_ added: Int) {
        precondition(added >= 0 && added <= capacity - head - count)
        count += added
    }

    /// Appends a copy of `source`, which must not overlap the queue's memory.
    public mutating func append(_ source: UnsafeRawBufferPointer) {
        guard !source.isEmpty else { return }
        reserve(max(source.count, 512 - count))
        UnsafeMutableRawBufferPointer(rebasing: bytesAndSpare[count...]).copyMemory(from: source)
        count += source.count
    }

    /// Holds a copy of `source`, which must not overlap the queue's memory, instead of what was held.
    public mutating func replace(with source: UnsafeRawBufferPointer) {
        if source.isEmpty || capacity > 4 * max(source.count, 1024) { removeAll() }
        head = 0
        count = 0
        append(source)
    }

    /// Removes the first `removed` bytes. Gives memory back when it is much more than the rest needs.
    public mutating func removeFirst(_ removed: Int) {
        precondition(removed >= 0 && removed <= count)
        guard removed < count else { return removeAll() }
        head += removed
        count -= removed
        if capacity > 8 * max(count, 4096) { reallocate(max(count, 512)) }
    }

    /// Removes everything and gives the memory back.
    public mutating func removeAll() {
        base?.deallocate()
        base = nil
        capacity = 0
        head = 0
        count = 0
    }

    private mutating func reallocate(_ size: Int) {
        let new = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        if let base {
            // Bounds: every caller asks for at least count bytes.
            new.copyMemory(from: base + head, byteCount: count)
            base.deallocate()
        }
        base = new
        capacity = size
        head = 0
    }
}
