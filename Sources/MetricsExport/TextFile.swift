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
        // rename(2) refuses to replace a directory.
        if let kind, kind != S_IFDIR, isOfAnotherKind {
            throw SystemError("replace \(path)", code: EEXIST, advice: "it is not a regular file")
        }
        let temporary = "\(path).\(getpid()).tmp"
        _ = unsafe unlink(temporary)
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw SystemError("create \(temporary)") }
        var failure: SystemError?
        do throws(SystemError) {
            // The umask of the unit allows only the owner, but node_exporter is another user.
            guard fchmod(descriptor, 0o644) == 0 else { throw SystemError("set the mode of \(temporary)") }
            try DescriptorWriting.writeAll(content.utf8, to: descriptor, action: "write \(temporary)")
        } catch {
            failure = error
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
    public var isOfAnotherKind: Bool { kind.map { $0 != S_IFREG && $0 != S_IFLNK } ?? false }

    /// The kind of the file at the path (inode(7)); nil if there is none.
    private var kind: mode_t? {
        var status = stat()
        return unsafe lstat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
    }
}
