import Glibc

/// Keeps servers that start at the same time from replacing each other's socket files: one at a time checks for an old file
/// and creates a new one (flock(2)).
struct DirectoryLock {
    private let directories: [Int32]

    /// Locks the directories of these paths. Waits at most `timeout` for all of them together, then continues without the missing
    /// locks: a process that holds a lock for longer is not a server.
    ///
    /// - Parameter timeout: In milliseconds.
    init(of paths: [String], timeout: Int = 1000) {
        // Sorted, so that two servers with the same directories do not wait for each other.
        let names = Set(paths.map { path in path.lastIndex(of: "/").map { String(path[...$0]) } ?? "." })
            .sorted()
        directories = names.map { unsafe open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }.filter { $0 >= 0 }
        var attempts = timeout / 10
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
