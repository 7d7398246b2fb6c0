import CLinux
import Glibc
import Sockets

/// The command line as bytes, which need not be UTF-8; the parser gets them as `ByteText`.
public struct Arguments: Sendable {
    private let arguments: [[UInt8]]

    /// Creates arguments for tests, without the program's name.
    public init(_ arguments: [[UInt8]]) { self.arguments = arguments }

    /// The arguments of `main`, without the program's name.
    public static var ofProcess: Arguments {
        Arguments(
            (1..<max(1, linux_argument_count())).compactMap { index in
                unsafe linux_argument(index).map {
                    unsafe Array(UnsafeRawBufferPointer(start: $0, count: strlen($0)))
                }
            }
        )
    }

    /// The arguments as strings for the parser. `ByteText.bytes` converts them back.
    public var forParser: [String] { arguments.map(ByteText.text) }
}
