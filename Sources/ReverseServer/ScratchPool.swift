import Synchronization

/// The buffers that connections borrow while an event is handled: as many as handlers run at once, whatever the
/// number of clients.
final class ScratchPool: Sendable {
    /// The size of a buffer, and so the most that one event reads: the fairness budget of a connection.
    static let bytes = 128 << 10

    /// One buffer. Unchecked because a pointer is not Sendable; safe because it is either in the pool or with one
    /// borrower, and the pool's lock stands between the two.
    private struct Buffer: @unchecked Sendable {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: ScratchPool.bytes, alignment: 64)
    }

    private let free = Mutex<[Buffer]>([])

    deinit { free.withLock { for buffer in $0 { buffer.bytes.deallocate() } } }

    /// Lends a buffer for the time of `body`.
    func withBuffer(_ body: (UnsafeMutableRawBufferPointer) -> Void) {
        let buffer = free.withLock { $0.popLast() } ?? Buffer()
        body(buffer.bytes)
        free.withLock { $0.append(buffer) }
    }
}
