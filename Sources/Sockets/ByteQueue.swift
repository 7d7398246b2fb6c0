import Glibc

/// A contiguous queue of bytes: appended at the back, removed from the front.
///
/// Removing bytes only moves an offset. The remaining bytes are moved to the start of the memory once they are no more than
/// those removed, so for n bytes O(n) bytes are copied in total. An empty queue owns no memory, unless `keepsMemory` is set.
@safe public struct ByteQueue: ~Copyable {
    private var base: UnsafeMutableRawPointer?
    /// The size of its memory in bytes.
    public private(set) var capacity = 0
    private var head = 0
    /// The number of bytes held.
    public private(set) var count = 0

    private let keepsMemory: Bool

    /// Makes an empty queue.
    ///
    /// - Parameter keepsMemory: Whether to keep the memory when the queue is empty, for a queue that is soon used again.
    public init(keepsMemory: Bool = false) { self.keepsMemory = keepsMemory }

    deinit { unsafe free(base) }

    /// Whether no bytes are held.
    public var isEmpty: Bool { count == 0 }

    /// The bytes held, valid until the next change.
    public var bytes: UnsafeMutableRawBufferPointer {
        // Bounds: head + count <= capacity, the size of the allocation.
        unsafe UnsafeMutableRawBufferPointer(start: base.map { unsafe $0 + head }, count: count)
    }

    /// The bytes held from `offset` on, 0...count. Valid until the next change.
    public func bytes(from offset: Int) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: bytes[offset...])
    }

    /// The bytes held, followed by the free memory. Valid until the next change.
    public var bytesAndSpare: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: base.map { unsafe $0 + head }, count: capacity - head)
    }

    /// Reserves space for at least `minimum` more bytes. Ends the process if the system has no memory.
    public mutating func reserve(_ minimum: Int) {
        guard tryReserve(minimum) else { fatalError("out of memory") }
    }

    /// Reserves space for at least `minimum` more bytes. False, without a change, if the system has no memory.
    ///
    /// - Parameters:
    ///   - minimum: The number of further bytes.
    ///   - most: The maximum size of the memory, unless `minimum` needs more.
    public mutating func tryReserve(_ minimum: Int, atMost most: Int = .max) -> Bool {
        guard capacity - head - count < minimum else { return true }
        if head >= count, capacity - count >= minimum {
            moveToStart()
            return true
        }
        // If bytes are also removed, reserve twice the need, so that bytes are moved less often.
        let wanted = head == 0 ? max(count + minimum, count + count / 2) : 2 * (count + minimum)
        return reallocate(min(wanted, max(most, count + minimum)))
    }

    /// Adds `added` bytes that the caller has written after the bytes held.
    public mutating func commit(_ added: Int) {
        precondition(added >= 0 && added <= capacity - head - count)
        count += added
    }

    /// Appends a copy of `source`, which must not overlap the queue's memory. Ends the process if the system has no memory.
    public mutating func append(_ source: UnsafeRawBufferPointer) {
        guard unsafe tryAppend(source) else { fatalError("out of memory") }
    }

    /// Appends a copy of `source`, which must not overlap the queue's memory, or returns false if the system has no memory.
    public mutating func tryAppend(_ source: UnsafeRawBufferPointer) -> Bool {
        guard unsafe !source.isEmpty else { return true }
        guard tryReserve(max(source.count, 512 - count)) else { return false }
        unsafe UnsafeMutableRawBufferPointer(rebasing: bytesAndSpare[count...]).copyMemory(from: source)
        count += source.count
        return true
    }

    /// Lets `body` write into the free memory, at most `limit` bytes, and adds as many as it returns.
    ///
    /// - Parameters:
    ///   - limit: The maximum number of bytes.
    ///   - chunk: The minimum size of the free memory, unless `limit` is less.
    ///   - body: Writes to the beginning of the free memory, and returns how many bytes it wrote.
    /// - Returns: How many bytes were added.
    public mutating func append<Failure: Error>(
        atMost limit: Int,
        chunk: Int = 256 << 10,
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) -> Int {
        reserve(max(0, min(limit, chunk)))
        let spare = unsafe bytesAndSpare[count...].prefix(max(0, limit))
        let added = try unsafe body(UnsafeMutableRawBufferPointer(rebasing: spare))
        commit(added)
        return added
    }

    /// Replaces all bytes by a copy of `source`, which must not overlap the queue's memory. Returns false if the system has no
    /// memory; then the queue is empty.
    public mutating func tryReplace(with source: UnsafeRawBufferPointer) -> Bool {
        if unsafe source.isEmpty || capacity > 4 * max(source.count, 1024) { removeAll() }
        head = 0
        count = 0
        return unsafe tryAppend(source)
    }

    /// Removes the first `removed` bytes. Frees memory if it is much more than the remaining bytes need.
    public mutating func removeFirst(_ removed: Int) {
        precondition(removed >= 0 && removed <= count)
        guard removed < count else { return removeAll() }
        head += removed
        count -= removed
        // If the system refuses a smaller block, keep the larger one.
        if !keepsMemory, capacity > 8 * max(count, 4096) { _ = reallocate(max(count, 512)) }
    }

    /// Removes the last bytes, so that `kept` are left.
    public mutating func truncate(to kept: Int) {
        precondition(kept >= 0 && kept <= count)
        if kept == 0 { removeAll() } else { count = kept }
    }

    /// Removes all bytes, and frees the memory unless `keepsMemory` is set.
    public mutating func removeAll() {
        if keepsMemory {
            head = 0
            count = 0
            return
        }
        unsafe free(base)
        unsafe base = nil
        capacity = 0
        head = 0
        count = 0
    }

    private mutating func moveToStart() {
        guard head > 0, let start = unsafe base else { return }
        unsafe memmove(start, start + head, count)
        head = 0
    }

    /// Bounds: every caller asks for at least `count` bytes. A large block grows without a copy (realloc(3), mremap(2)).
    private mutating func reallocate(_ size: Int) -> Bool {
        moveToStart()
        guard let new = unsafe realloc(base, size) else { return false }
        unsafe base = unsafe new
        capacity = size
        return true
    }
}
