import CLinux
import Glibc

/// The file of a history: one entry per line, readable by its owner only.
///
/// Several sessions can use it at the same time: each opens, locks and closes it for each line. It never exceeds its limit of
/// lines, nor 1 MiB.
struct HistoryFile: Sendable {
    /// Why the file cannot be used, and what to do about it.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private static let mostBytes = 1 << 20
    /// Longer entries are not kept, because they would displace the others.
    private static let longestEntry = 256 << 10
    /// How often to wait a moment for the lock, which other sessions hold only briefly.
    private static let lockAttempts = 20

    /// Need not be UTF-8.
    let path: [UInt8]
    let limit: Int

    /// The newest entries of the file, up to its limit; empty without a file.
    func read() throws(Failure) -> [String] {
        guard let file = try open(creates: false) else { return [] }
        defer { close(file) }
        let lines = try Self.lines(contents(of: file))
        let kept = keep(lines)
        if kept.count < lines.count { try replace(with: kept) }
        return kept.map { String(decoding: $0, as: UTF8.self) }
    }

    /// Appends an entry, and removes the oldest beyond the limit.
    func add(_ line: String) throws(Failure) {
        guard line.utf8.count <= Self.longestEntry, let file = try open(creates: true) else { return }
        defer { close(file) }
        let bytes = try contents(of: file)
        let lines = Self.lines(bytes) + [Array(line.utf8)[...]]
        let kept = keep(lines)
        if kept.count < lines.count { return try replace(with: kept) }
        // A file that another program wrote may lack its last line feed.
        let start = bytes.isEmpty || bytes.last == 0x0A ? [] : [UInt8(0x0A)]
        try write(start + Array(line.utf8) + [0x0A], to: file)
    }

    private static func lines(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] { bytes.split(separator: 0x0A) }

    /// The newest lines that fit.
    private func keep(_ lines: [ArraySlice<UInt8>]) -> ArraySlice<ArraySlice<UInt8>> {
        var kept = lines.suffix(limit)
        var bytes = kept.reduce(0) { $0 + $1.count + 1 }
        while bytes > Self.mostBytes, let first = kept.popFirst() { bytes -= first.count + 1 }
        return kept
    }
}

// MARK: - System calls

extension HistoryFile {
    /// Opens and locks the file; nil if it does not exist. Never follows a link or waits for the other end of a pipe.
    private func open(creates: Bool) throws(Failure) -> Int32? {
        let obstacle = creates ? makeDirectory() : 0
        // Another session may have replaced the file before the lock was free.
        for _ in 0..<Self.lockAttempts {
            let flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
            let file = unsafe Glibc.open(Self.name(path), creates ? flags | O_CREAT : flags, 0o600)
            if file < 0 {
                if errno == ENOENT && !creates { return nil }
                // What kept the directory from being made says more than its absence.
                if errno == ENOENT && obstacle != 0 { errno = obstacle }
                throw failure(errno == ELOOP ? "it is a symbolic link" : Self.systemMessage())
            }
            do throws(Failure) {
                try check(file)
            } catch {
                close(file)
                throw error
            }
            lock(file)
            if isCurrent(file) { return file }
            close(file)
        }
        throw failure("other programs keep replacing it")
    }

    /// Refuses special files, and makes the file readable by its owner only.
    private func check(_ file: Int32) throws(Failure) {
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { throw failure(Self.systemMessage()) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw failure("it is not a regular file") }
        guard status.st_mode & 0o777 != 0o600 else { return }
        guard fchmod(file, 0o600) == 0 else { throw failure("others may read it: \(Self.systemMessage())") }
    }

    /// Waits briefly for the lock of another session. Without the lock, at worst a line is lost.
    private func lock(_ file: Int32) {
        var pause = timespec(tv_sec: 0, tv_nsec: 5_000_000)
        for _ in 0..<Self.lockAttempts {
            if flock(file, LOCK_EX | LOCK_NB) == 0 { return }
            unsafe nanosleep(&pause, nil)
        }
    }

    private func isCurrent(_ file: Int32) -> Bool {
        var (opened, named) = (stat(), stat())
        guard unsafe fstat(file, &opened) == 0, unsafe lstat(Self.name(path), &named) == 0 else {
            return false
        }
        return opened.st_dev == named.st_dev && opened.st_ino == named.st_ino
    }

    /// Reads a little more than the last 1 MiB. Earlier lines are dropped anyway.
    private func contents(of file: Int32) throws(Failure) -> [UInt8] {
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { throw failure(Self.systemMessage()) }
        let size = Int(status.st_size)
        var bytes = [UInt8](repeating: 0, count: min(size, Self.mostBytes + 1))
        let count = unsafe linux_read_all(file, &bytes, bytes.count, size - bytes.count)
        guard count >= 0 else { throw failure(Self.systemMessage()) }
        return Array(bytes.prefix(count))
    }

    private func replace(with lines: ArraySlice<ArraySlice<UInt8>>) throws(Failure) {
        let new = Self.name(path + ".\(getpid())".utf8)
        unsafe unlink(new)
        let file = unsafe Glibc.open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw failure(Self.systemMessage()) }
        defer { close(file) }
        do throws(Failure) {
            try write(lines.flatMap { $0 + [0x0A] }, to: file)
            guard unsafe rename(new, Self.name(path)) == 0 else { throw failure(Self.systemMessage()) }
        } catch {
            unsafe unlink(new)
            throw error
        }
    }

    private func write(_ bytes: [UInt8], to file: Int32) throws(Failure) {
        guard unsafe linux_write_all(file, bytes, bytes.count) else { throw failure(Self.systemMessage()) }
    }

    /// Makes the missing directories of the path. Returns the `errno` of the first that cannot be made; 0 without a failure.
    private func makeDirectory() -> Int32 {
        var obstacle: Int32 = 0
        for end in path.indices.dropFirst() where path[end] == UInt8(ascii: "/") {
            let made = unsafe mkdir(Self.name(path[..<end]), 0o700)
            if made != 0, errno != EEXIST, obstacle == 0 { obstacle = errno }
        }
        return obstacle
    }

    /// A path for a system call.
    private static func name(_ path: some Sequence<UInt8>) -> [CChar] {
        path.map(CChar.init(bitPattern:)) + [0]
    }

    private func failure(_ reason: String) -> Failure {
        let name = VisibleText.visible(String(decoding: path, as: UTF8.self))
        return Failure(
            description: "cannot keep the history in \(name): \(reason); "
                + "set REVERSED_HISTORY to another file, or to nothing to keep none"
        )
    }

    private static func systemMessage() -> String { unsafe String(cString: strerror(errno)) }
}
