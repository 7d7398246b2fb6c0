import Glibc

/// Bytes that a connection keeps between two events: answers that the socket did not take, then a partial line.
///
/// It owns memory only while there is something to keep. Unchecked because a pointer is not Sendable; safe because
/// the memory has this one owner, which cannot be copied.
struct HeldBytes: ~Copyable, @unchecked Sendable {
    private var base: UnsafeMutableRawPointer?
    private var capacity = 0
    private(set) var count = 0

    init() {}

    deinit { base?.deallocate() }

    var isEmpty: Bool { count == 0 }

    /// The bytes, valid until the next change.
    var bytes: UnsafeMutableRawBufferPointer {
        // Bounds: count never exceeds capacity, which is what base was allocated with.
        UnsafeMutableRawBufferPointer(start: base, count: count)
    }

    /// The free memory behind the bytes, valid until the next change.
    var spare: UnsafeMutableRawBufferPointer {
        guard let base else { return UnsafeMutableRawBufferPointer(start: nil, count: 0) }
        return UnsafeMutableRawBufferPointer(start: base + count, count: capacity - count)
    }

    /// Makes room for `minimum` more bytes; grows to at least twice its size, so that n bytes are copied O(n) times.
    mutating func reserve(_ minimum: Int) {
        guard capacity - count < minimum else { return }
        reallocate(max(count + minimum, 2 * capacity))
    }

    /// Counts `added` bytes of `spare` in.
    mutating func commit(_ added: Int) {
        precondition(added >= 0 && added <= capacity - count)
        count += added
    }

    /// Keeps a copy of `source`, which must not overlap the bytes held, in place of what was there.
    mutating func replace(with source: UnsafeRawBufferPointer) {
        guard !source.isEmpty else { return free() }
        count = 0
        if capacity < source.count || capacity > 4 * max(source.count, 1024) {
            reallocate(max(source.count, 512))
        }
        spare.copyMemory(from: source)
        count = source.count
    }

    /// Drops the first `removed` bytes, and gives back memory that is far more than what is left needs.
    mutating func removePrefix(_ removed: Int) {
        precondition(removed >= 0 && removed <= count)
        guard removed < count else { return free() }
        if removed > 0, let base {
            memmove(base, base + removed, count - removed)
            count -= removed
        }
        if capacity > 8 * max(count, 4096) { reallocate(max(count, 512)) }
    }

    mutating func free() {
        base?.deallocate()
        base = nil
        capacity = 0
        count = 0
    }

    private mutating func reallocate(_ size: Int) {
        let new = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        if let base {
            // Bounds: every caller asks for at least count bytes.
            new.copyMemory(from: base, byteCount: count)
            base.deallocate()
        }
        base = new
        capacity = size
    }
}
