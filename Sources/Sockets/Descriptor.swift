import CLinux
import Glibc

/// A file descriptor that is closed when its owner drops it.
///
/// It cannot be copied, so it has one owner at a time. `release()` passes the number to another kind of owner.
public struct Descriptor: ~Copyable, Sendable {
    /// The number of the descriptor, valid as long as this value exists.
    public let number: Int32

    /// Takes ownership of an open descriptor.
    public init(owning number: Int32) { self.number = number }

    deinit { _ = Glibc.close(number) }

    /// Gives up ownership without closing: from now on the caller must close the descriptor.
    public consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }
}
