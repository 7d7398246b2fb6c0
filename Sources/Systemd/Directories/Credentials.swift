import CLinux
import Glibc
import TextEscaping

/// The credentials that systemd passes to the service: passwords, keys and certificates, see LoadCredential= and
/// SetCredential= in systemd.exec(5).
///
/// ```swift
/// return try Credentials().text("greeting", limit: 1_000) ?? "hello"
/// ```
///
/// Outside systemd, and in a unit without credentials, every credential is absent.
public struct Credentials: Sendable, Equatable {
    /// The size of all credentials of a unit together that systemd.exec(5) allows, in bytes: 1 MiB. No credential that
    /// systemd passes is larger.
    public static let largestSize = 1 << 20

    /// The directory with a file for each credential, from CREDENTIALS_DIRECTORY; nil when the unit has no credentials.
    public let directory: String?

    /// Why CREDENTIALS_DIRECTORY is not usable, as a sentence for the log; nil when it is usable or absent.
    public let warning: String?

    /// Reads the variable. No credential is read yet.
    ///
    /// - Parameter environment: Where CREDENTIALS_DIRECTORY is read.
    public init(environment: Environment = .process) {
        guard let value = environment["CREDENTIALS_DIRECTORY"], !value.isEmpty else {
            (directory, warning) = (nil, nil)
            return
        }
        if value.hasPrefix("/") {
            (directory, warning) = (value, nil)
        } else {
            let shown = PrintableText.excerpt(value)
            directory = nil
            warning = "CREDENTIALS_DIRECTORY=\(shown) is not an absolute path: there are no credentials"
        }
    }

    /// The content of a credential; nil when the unit does not have it.
    ///
    /// The file is read once, from the disk or from memory that is not swapped; the bytes that are returned are ordinary
    /// memory. Nothing of them is in any error.
    ///
    /// - Parameters:
    ///   - name: As in the unit: 1 to 255 printable ASCII characters without `/` and `:`, and neither `.` nor `..`.
    ///   - limit: How many bytes it may have, 0 to ``largestSize``.
    /// - Throws: When the name is not valid, or the credential is too large, is not a regular file or cannot be read.
    public func read(_ name: String, limit: Int = largestSize) throws(CredentialError) -> [UInt8]? {
        guard Self.isValid(name: name) else {
            throw CredentialError(name: name, reason: .invalidName)
        }
        guard let directory else { return nil }
        // Non-blocking: the opening of a FIFO would otherwise wait for its writer.
        let descriptor = unsafe open("\(directory)/\(name)", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw CredentialError(name: name, reason: .system(errno))
        }
        defer { close(descriptor) }
        return try Self.read(descriptor, name: name, limit: min(max(0, limit), Self.largestSize))
    }

    /// The content of a credential as text, without the line feed at its end if it has one; nil when the unit does not
    /// have it.
    ///
    /// - Parameters:
    ///   - name: As for ``read(_:limit:)``.
    ///   - limit: How many bytes it may have, 0 to ``largestSize``.
    /// - Throws: As ``read(_:limit:)``, and when the content is not UTF-8.
    public func text(_ name: String, limit: Int = largestSize) throws(CredentialError) -> String? {
        guard var bytes = try read(name, limit: limit) else { return nil }
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CredentialError(name: name, reason: .notUTF8)
        }
        return text
    }

    /// The rule that systemd itself has for the name of a credential (`credential_name_valid`).
    private static func isValid(name: String) -> Bool {
        let characters = name.utf8
        return (1...255).contains(characters.count) && name != "." && name != ".."
            && characters.allSatisfy {
                (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":")
            }
    }

    private static func read(_ descriptor: Int32, name: String, limit: Int) throws(CredentialError) -> [UInt8]
    {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw CredentialError(name: name, reason: .system(errno))
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw CredentialError(name: name, reason: .notRegularFile)
        }
        let size = Int(status.st_size)
        guard size <= limit else { throw CredentialError(name: name, reason: .tooLarge(limit: limit)) }
        var failure: Int32 = 0
        // If the file grows, read only up to the checked size.
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            let received = unsafe linux_read_all(descriptor, buffer.baseAddress, size, 0)
            if received < 0 { failure = errno }
            count = max(0, received)
        }
        guard failure == 0 else { throw CredentialError(name: name, reason: .system(failure)) }
        return bytes
    }
}
