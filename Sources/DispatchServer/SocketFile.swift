import Glibc
import Sockets

/// The file of a Unix socket that this process made.
struct SocketFile: Equatable {
    let path: String
    private let device: dev_t
    private let inode: ino_t

    /// Listens at `path`. The file that a dead server left is replaced; a file that is no socket, and a socket that
    /// somebody answers on, stay. The caller holds the `DirectoryLock` of the path.
    ///
    /// - Parameters:
    ///   - mode: The permission bits of the file: who may connect.
    ///   - file: Where the file that was made is noted.
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
            _ = unlink(path)
        }
        let socket = try StreamSocket.listen(
            on: .unix(path: path),
            mode: mode_t(truncatingIfNeeded: mode & 0o777)
        )
        guard let status = status(path) else { throw SystemError(action) }
        let made = SocketFile(path: path, device: status.st_dev, inode: status.st_ino)
        do { try made.permit(mode) } catch {
            made.remove()
            throw error
        }
        file = made
        return socket
    }

    /// Sets who may connect: the permission bits of the file.
    func permit(_ mode: UInt32) throws {
        guard chmod(path, mode_t(truncatingIfNeeded: mode & 0o777)) == 0 else {
            throw SystemError("set the mode of \(path)")
        }
    }

    /// Whether the path still leads to the socket that this process made.
    var isOurs: Bool {
        guard let status = Self.status(path) else { return false }
        return status.st_dev == device && status.st_ino == inode
    }

    /// Removes the file, unless somebody else's has taken its place.
    func remove() {
        if isOurs { _ = unlink(path) }
    }

    /// A file that the process before made.
    ///
    /// - Parameters:
    ///   - device: As `identity` has it.
    ///   - inode: As `identity` has it.
    init(path: String, device: UInt64, inode: UInt64) {
        self.path = path
        self.device = dev_t(device)
        self.inode = ino_t(inode)
    }

    /// What tells the file apart from another one at the same path.
    var identity: (device: UInt64, inode: UInt64) { (UInt64(device), UInt64(inode)) }

    private init(path: String, device: dev_t, inode: ino_t) {
        self.path = path
        self.device = device
        self.inode = inode
    }

    private static func status(_ path: String) -> stat? {
        var status = stat()
        return lstat(path, &status) == 0 ? status : nil
    }

    /// Nobody listens on the socket any more: only then does the system refuse a connection.
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
