import Sockets

/// A listening socket that the service manager has stored for the next process of the service, under a name.
public struct StoredListener: Sendable, Equatable {
    /// The socket, owned by the server from `start` on.
    public var descriptor: Int32
    /// The name with which it is stored.
    public var name: String

    /// Describes a stored socket that this process has received.
    public init(descriptor: Int32, name: String) {
        self.descriptor = descriptor
        self.name = name
    }

    /// Closes the socket, which no server has, and removes the file of a Unix socket. The store keeps its duplicate.
    public func discard() {
        let descriptor = Descriptor(owning: descriptor)
        guard let name = StoredListenerName(name),
            case let socket? = try? ListeningSocket(stored: descriptor, as: name)
        else { return }
        socket.identity.file?.remove()
    }

    /// Whether this is the name of a stored listener.
    public static func isName(_ text: String) -> Bool { StoredListenerName(text) != nil }
}

/// Where a server stores its listening sockets so that they outlive its process: the file descriptor store of systemd.
///
/// The functions are called on the control queue and must not block.
public struct ListenerStore: Sendable {
    /// Stores a duplicate of the socket under a name. The server keeps the socket itself, and may close it after the call.
    public var store: @Sendable (_ descriptor: Int32, _ name: String) -> Void
    /// Removes the socket with that name.
    public var remove: @Sendable (_ name: String) -> Void

    /// Describes a store.
    public init(
        store: @escaping @Sendable (_ descriptor: Int32, _ name: String) -> Void,
        remove: @escaping @Sendable (_ name: String) -> Void
    ) {
        self.store = store
        self.remove = remove
    }
}

/// The name of a stored listener. It contains what the next process cannot learn from the socket itself: `listener.7.any` is a
/// socket for which the system chose the port, `listener.7.file.19.2a` a Unix socket whose file has that device and inode
/// (hexadecimal), `listener.7` any other. The number makes the name unique.
struct StoredListenerName: Equatable, Sendable {
    enum Kind: Equatable, Sendable {
        case plain
        /// The configured port is 0.
        case anyPort
        case file(device: UInt64, inode: UInt64)
    }

    var number: UInt64
    var kind: Kind

    var text: String {
        switch kind {
        case .plain: "listener.\(number)"
        case .anyPort: "listener.\(number).any"
        case .file(let device, let inode):
            "listener.\(number).file.\(String(device, radix: 16)).\(String(inode, radix: 16))"
        }
    }
}

extension StoredListenerName {
    /// Nil for any other text.
    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[0] == "listener", let number = UInt64(parts[1]) else { return nil }
        let kind: Kind
        switch parts.count {
        case 2: kind = .plain
        case 3 where parts[2] == "any": kind = .anyPort
        case 5 where parts[2] == "file":
            guard let device = UInt64(parts[3], radix: 16), let inode = UInt64(parts[4], radix: 16) else {
                return nil
            }
            kind = .file(device: device, inode: inode)
        default: return nil
        }
        self.init(number: number, kind: kind)
        // Accept only the canonical spelling, so that removing the name removes the socket.
        guard self.text == text else { return nil }
    }
}
