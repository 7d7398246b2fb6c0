import Glibc
import Sockets

/// The variables of the environment.
enum Environment {
    /// The value of a variable, as in `ByteText`; nil if it is not set.
    static func text(_ name: String) -> String? {
        unsafe getenv(name).map {
            unsafe ByteText.text(UnsafeRawBufferPointer(start: $0, count: strlen($0)))
        }
    }
}
