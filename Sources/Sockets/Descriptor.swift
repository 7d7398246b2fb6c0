import CLinux
import Glibc

/// A file descriptor that closes itself when its owner lets go of it.
///
/// It cannot be copied, so there is one owner at a time; `release()` hands the bare number to an owner of another kind.
public struct Descriptor: ~Copyable, Sendable {
    /// The descriptor's number, borrowed: good for as long as this value lives.
    public let number: Int32

    /// Takes ownership of an open descriptor.
    public init(owning number: Int32) { self.number = number }

    deinit { _ = Glibc.close(number) }

    /// Gives the descriptor away, open; from now on the caller closes it.
    public consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }
}
