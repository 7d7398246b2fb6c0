import Glibc
import TextEscaping

/// Why a credential cannot be used. It never contains a part of the credential's content.
public struct CredentialError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong.
    public enum Reason: Sendable, Equatable {
        /// The name is not valid.
        case invalidName
        /// It has more bytes than the caller accepts.
        case tooLarge(limit: Int)
        /// It is a directory, a FIFO, a socket or a device.
        case notRegularFile
        /// Its content is not UTF-8.
        case notUTF8
        /// The system refused to open or to read it; the value is an errno.
        case system(Int32)
    }

    /// The requested name.
    public let name: String
    /// What is wrong.
    public let reason: Reason

    /// A sentence for the log.
    public var description: String {
        let name = PrintableText.excerpt(name)
        return switch reason {
        case .invalidName:
            "a credential cannot be named '\(name)': 1 to 255 printable ASCII characters without '/' and ':' are possible"
        case .tooLarge(let limit):
            "the credential '\(name)' is larger than \(limit) bytes"
        case .notRegularFile:
            "the credential '\(name)' is not a regular file"
        case .notUTF8:
            "the credential '\(name)' is not UTF-8 text"
        case .system(let code):
            unsafe "cannot read the credential '\(name)': \(String(cString: strerror(code)))"
        }
    }
}
