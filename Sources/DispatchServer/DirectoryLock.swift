import Glibc

/// Keeps servers that start at the same moment from replacing each other's socket files: between the look at a file and
/// the new one, only one of them is in its directory (flock(2)).
struct DirectoryLock {
    private let directories: [Int32]

    /// Locks the directories of these paths. It waits for `patience` at most, for all of them together: who holds a lock
    /// for longer is no server, and the caller goes on without that lock.
    ///
    /// - Parameter patience: milliseconds.
    init(of paths: [String], patience: Int = 1000) {
        // In one order, so that two servers with the same directories do not wait for each other.
        let names = Set(paths.map { path in path.lastIndex(of: "/").map { String(path[...$0]) } ?? "." })
            .sorted()
        directories = names.map { open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }.filter { $0 >= 0 }
        var attempts = patience / 10
        for directory in directories {
            while flock(directory, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK, attempts > 0 {
                attempts -= 1
                usleep(10_000)
            }
        }
    }

    func release() {
        for directory in directories { close(directory) }
    }
}
