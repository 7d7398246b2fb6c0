import Glibc

/// Keeps servers that start at the same moment from replacing each other's socket file: between the look at the file
/// and the new one, only one of them is in the directory (flock(2)).
struct DirectoryLock {
    private let directory: Int32

    /// Waits a second at most; who holds the lock for longer is no server, and is not waited for.
    init(of path: String) {
        let name = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        directory = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        var tries = 100
        while directory >= 0, flock(directory, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK, tries > 0 {
            tries -= 1
            usleep(10_000)
        }
    }

    func release() {
        if directory >= 0 { close(directory) }
    }
}
