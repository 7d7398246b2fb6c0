import CLinux
import Glibc
import Sockets

/// The command line as bytes, which need not be UTF-8; the parser gets them as `ByteText`.
public struct Arguments: Sendable {
    private let arguments: [[UInt8]]

    /// Arguments of a test's own, without the program's name.
    public init(_ arguments: [[UInt8]]) { self.arguments = arguments }

    /// What `main` got, without the program's name.
    public static var ofProcess: Arguments {
        Arguments(
            (1..<max(1, linux_argument_count())).compactMap { index in
                linux_argument(index).map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
            }
        )
    }

    /// What the parser may see. `ByteText.bytes` makes the arguments of it again.
    public var forParser: [String] { arguments.map(ByteText.text) }
}
