import Glibc
import Sockets

/// A file that is replaced atomically, for the textfile collector of node_exporter, which reads `*.prom` files.
public struct TextFile: Equatable, Sendable {
    /// The absolute path of the file.
    public let path: String

    /// Makes a value for the path. Writes nothing yet.
    public init(path: String) { self.path = path }

    /// Replaces the file atomically: writes a temporary file beside it, and renames that. All users may read it.
    ///
    /// Waits for the disk: do not call it on a queue that serves clients.
    ///
    /// - Throws: `SystemError`. Then the file is unchanged. With `EEXIST` if there is a file of another kind, such as a device:
    ///   it is not replaced.
    public func write(_ content: String) throws(SystemError) {
        if isOfAnotherKind {
            throw SystemError("replace \(path)", code: EEXIST, advice: "it is not a regular file")
        }
        let temporary = "\(path).\(getpid()).tmp"
        _ = unsafe unlink(temporary)
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw SystemError("create \(temporary)") }
        var failure: SystemError?
        // The umask of the unit allows only the owner, but node_exporter is another user.
        if fchmod(descriptor, 0o644) != 0 { failure = SystemError("set the mode of \(temporary)") }
        var rest = Array(content.utf8)[...]
        while failure == nil, !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                failure = SystemError("write \(temporary)")
            }
        }
        if close(descriptor) != 0, failure == nil { failure = SystemError("write \(temporary)") }
        if failure == nil, unsafe rename(temporary, path) != 0 { failure = SystemError("replace \(path)") }
        if let failure {
            _ = unsafe unlink(temporary)
            throw failure
        }
    }

    /// Removes the file, unless it is of another kind: after the end of the process its metrics would be wrong.
    public func remove() {
        if !isOfAnotherKind { _ = unsafe unlink(path) }
    }

    /// Whether there is a device, a pipe, a socket or a directory at the path. A daemon of root could replace `/dev/null`.
    public var isOfAnotherKind: Bool {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return false }
        return status.st_mode & S_IFMT != S_IFREG && status.st_mode & S_IFMT != S_IFLNK
    }
}
