import Glibc

/// The stream that JOURNAL_STREAM names, `device:inode`: what systemd connected standard output or error to when it
/// started the process, see systemd.exec(5). A descriptor that was redirected since does not lead there any more.
struct JournalStream: Equatable {
    let device: UInt64
    let inode: UInt64

    /// nil when the variable is not set or says something else.
    init?(_ environment: Environment) {
        guard let value = environment["JOURNAL_STREAM"] else { return nil }
        let parts = value.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let device = UInt64(parts[0]), let inode = UInt64(parts[1]) else {
            return nil
        }
        (self.device, self.inode) = (device, inode)
    }

    func isConnected(to descriptor: Int32) -> Bool {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { return false }
        return status.st_dev == device && status.st_ino == inode
    }
}
