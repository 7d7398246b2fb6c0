import Glibc
import Sockets

/// The file of a Unix socket that this process, or the previous one, made.
struct SocketFile: Equatable {
    let path: String
    /// What distinguishes the file from another one at the same path.
    let device: UInt64
    let inode: UInt64

    /// Listens at `path`. Replaces the socket file of a dead server, but no other file and no socket of a running server. The
    /// caller holds the `DirectoryLock` of the path.
    ///
    /// - Parameters:
    ///   - mode: The permission bits of the file: who may connect.
    ///   - file: Set to the file that was made.
    static func listen(at path: String, mode: UInt32, made file: inout SocketFile?) throws -> Descriptor {
        let action = "listen on \(path)"
        if let status = status(path) {
            guard status.st_mode & S_IFMT == S_IFSOCK else {
                throw SystemError(
                    action,
                    code: EEXIST,
                    advice: "there is a file that is not a socket; move it away or choose another path"
                )
            }
            guard isStale(path) else {
                throw SystemError(
                    action,
                    code: EADDRINUSE,
                    advice: "another server answers there; stop it or choose another path"
                )
            }
            _ = unsafe unlink(path)
        }
        let socket = try StreamSocket.listen(
            on: .unix(path: path),
            mode: mode_t(truncatingIfNeeded: mode & 0o777)
        )
        guard let status = status(path) else { throw SystemError(action) }
        let made = SocketFile(path: path, device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        do { try made.permit(mode) } catch {
            made.remove()
            throw error
        }
        file = made
        return socket
    }

    /// Sets who may connect: the permission bits of the file.
    func permit(_ mode: UInt32) throws {
        guard unsafe chmod(path, mode_t(truncatingIfNeeded: mode & 0o777)) == 0 else {
            throw SystemError("set the mode of \(path)")
        }
    }

    /// Whether the file at the path is still this one.
    var isOurs: Bool {
        guard let status = Self.status(path) else { return false }
        return UInt64(status.st_dev) == device && UInt64(status.st_ino) == inode
    }

    /// Removes the file, unless another one has replaced it.
    func remove() {
        if isOurs { _ = unsafe unlink(path) }
    }

    private static func status(_ path: String) -> stat? {
        var status = stat()
        return unsafe lstat(path, &status) == 0 ? status : nil
    }

    /// Whether no process listens on the socket: only then the system refuses a connection.
    private static func isStale(_ path: String) -> Bool {
        do {
            _ = try StreamSocket.connect(to: .unix(path: path))
            return false
        } catch let error as SystemError {
            return error.code == ECONNREFUSED
        } catch {
            return false
        }
    }
}
