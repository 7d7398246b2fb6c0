import Sockets

/// Checks the path of a Unix socket.
enum SocketPath {
    static let maximumBytes = SocketAddress.maximumPathLength

    static func check(_ path: String) throws(Refusal) {
        guard path.hasPrefix("/") else {
            throw Refusal("must be an absolute path, one that begins with \"/\"")
        }
        guard !path.utf8.contains(0) else { throw Refusal("must not hold a NUL character") }
        guard !path.hasSuffix("/") else {
            throw Refusal("must name a socket file, not a directory")
        }
        guard path.utf8.count <= maximumBytes else {
            throw Refusal(
                "must be at most \(maximumBytes) bytes long; this one has \(path.utf8.count)"
            )
        }
    }

    /// The path without repeated slashes and `.` components, which do not change the file.
    static func normalized(_ path: String) -> [Substring] {
        path.split(separator: "/").filter { $0 != "." }
    }
}
