import CLinux
import Glibc

/// Reads a settings file, bounded and without blocking on a pipe.
enum SettingsFile {
    /// The largest size of a file in bytes, enough for a thousand listeners.
    static let maximumBytes = 64 * 1024

    /// The text of the file at `path`; nil if it does not exist.
    static func read(_ path: String) throws(SettingsError) -> String? {
        // O_NONBLOCK, because opening a FIFO without a writer would block.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw unreadable(path, "cannot be opened: \(lastError())")
        }
        defer { close(descriptor) }
        try checkKind(of: descriptor, path)
        return try text(of: bytes(from: descriptor, path), path)
    }

    private static func checkKind(of descriptor: Int32, _ path: String) throws(SettingsError) {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw unreadable(path, "cannot be examined: \(lastError())")
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return
        case S_IFDIR: throw unreadable(path, "is a directory; name the file in it")
        default:
            throw unreadable(
                path,
                "is not a regular file (a pipe, a socket or a device cannot be read again on reload)"
            )
        }
    }

    private static func bytes(from descriptor: Int32, _ path: String) throws(SettingsError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: maximumBytes + 1)
        let count = unsafe linux_read_all(descriptor, &bytes, bytes.count, 0)
        guard count >= 0 else { throw unreadable(path, "cannot be read: \(lastError())") }
        guard count <= maximumBytes else {
            throw unreadable(
                path,
                "is larger than \(maximumBytes / 1024) KiB, the most that settings may take"
            )
        }
        return Array(bytes.prefix(count))
    }

    private static func text(of bytes: [UInt8], _ path: String) throws(SettingsError) -> String {
        var line = 1
        for row in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            if String(validating: row, as: UTF8.self) == nil {
                throw unreadable(path, "bytes that are not UTF-8; save the file as UTF-8", line: line)
            }
            line += 1
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func unreadable(_ path: String, _ problem: String, line: Int? = nil) -> SettingsError {
        SettingsError(mistakes: [Mistake(origin: .file(path: path, line: line), problem: problem)])
    }

    private static func lastError() -> String {
        unsafe String(cString: strerror(errno))
    }
}
