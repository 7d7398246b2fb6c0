import Glibc
import Sockets

/// A file whose readers see it whole, old or new: node_exporter's textfile collector reads `*.prom` files.
public struct TextFile: Equatable, Sendable {
    /// The absolute path of the file.
    public let path: String

    /// Names the file; nothing is written yet.
    public init(path: String) { self.path = path }

    /// Puts `content` into the file, in one step: it is written beside it and renamed. Everybody may read it.
    ///
    /// Waits for the disk: not to be called on a queue that serves clients.
    ///
    /// - Throws: `SystemError`; the file is then as it was.
    public func write(_ content: String) throws(SystemError) {
        let temporary = "\(path).\(getpid()).tmp"
        _ = unsafe unlink(temporary)
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw SystemError("create \(temporary)") }
        var failure: SystemError?
        // The unit's umask leaves the file to its owner only, and node_exporter is somebody else.
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

    /// Removes the file: figures of a process that has ended would look as if it went on.
    public func remove() { _ = unsafe unlink(path) }
}
