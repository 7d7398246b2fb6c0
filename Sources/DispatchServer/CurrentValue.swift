import Synchronization

/// A value that many threads read and that a reload replaces as a whole.
///
/// A reader keeps a copy and refreshes it before use. That costs one load of a version number that rarely changes, so readers
/// on many cores do not contend.
@usableFromInline
final class CurrentValue<Value: Sendable>: Sendable {
    /// A reader's copy.
    @frozen
    @usableFromInline
    struct Copy: Sendable {
        @usableFromInline let source: CurrentValue
        @usableFromInline var value: Value
        @usableFromInline var version: UInt64

        @inlinable
        init(_ source: CurrentValue, _ value: Value, _ version: UInt64) {
            self.source = source
            self.value = value
            self.version = version
        }

        /// The current value.
        @inlinable
        mutating func refreshed() -> Value {
            if source.version.load(ordering: .acquiring) != version { self = source.copy() }
            return value
        }
    }

    private let current: Mutex<Value>
    @usableFromInline let version = Atomic<UInt64>(0)

    @usableFromInline
    init(_ value: Value) { current = Mutex(value) }

    /// Replaces the value.
    func replace(with value: Value) {
        current.withLock {
            $0 = value
            version.wrappingAdd(1, ordering: .releasing)
        }
    }

    /// Makes a reader's copy.
    @usableFromInline
    func copy() -> Copy {
        current.withLock { Copy(self, $0, version.load(ordering: .relaxed)) }
    }
}
