import Glibc

/// What a path names, however it is spelled: a directory, and the name in it. Two paths that differ in `..` or in symbolic
/// links to directories may name one file.
public struct PathIdentity: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64
    private let name: String

    /// Looks the directory up. The file itself need not exist.
    ///
    /// - Parameter path: The path of a file; that of a directory ends with a slash.
    /// - Returns: Nil if the directory of the path cannot be read.
    public init?(_ path: String) {
        let end = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        var status = stat()
        // With "." at its end a symbolic link is followed, by lstat(2), too.
        guard unsafe lstat(path[..<end] + ".", &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        name = String(path[end...])
    }
}
