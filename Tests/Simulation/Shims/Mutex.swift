import World

/// Synchronization's `Mutex` for fibers: a fiber that waits for it lets others run. A fiber that takes it twice violates an
/// invariant.
struct Mutex<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
    private let box: Box<Value>

    init(_ value: consuming sending Value) { box = Box(value) }

    borrowing func withLock<Result: ~Copyable, E: Error>(
        _ body: (inout sending Value) throws(E) -> sending Result
    ) throws(E) -> sending Result {
        box.lock.take()
        defer { box.lock.leave() }
        return try body(&box.value)
    }

    borrowing func withLockIfAvailable<Result: ~Copyable, E: Error>(
        _ body: (inout sending Value) throws(E) -> sending Result
    ) throws(E) -> sending Result? {
        guard box.lock.tryToTake() else { return nil }
        defer { box.lock.leave() }
        return try body(&box.value)
    }
}

private final class Box<Value: ~Copyable> {
    var value: Value
    let lock = Lock()
    init(_ value: consuming Value) { self.value = value }
}
