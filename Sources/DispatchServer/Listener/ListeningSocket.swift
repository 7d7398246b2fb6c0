import Glibc
import Sockets

/// A listening socket and its origin.
struct ListeningSocket: ~Copyable {
    /// What a reload compares: a listener stays if the new configuration has an equal request.
    struct Request: Hashable {
        /// The address with the configured port, which may be 0.
        var address: SocketAddress
        var stack: StreamSocket.Stack
    }

    /// The address and origin of a listening socket.
    struct Identity {
        /// The bound address, with the actual port.
        var address: SocketAddress
        /// Nil for a socket that was handed in.
        var request: Request?
        /// Its name in the log and the status line.
        var name: String
        /// The file of a Unix socket that this server made.
        var file: SocketFile?

        init(_ address: SocketAddress, request: Request?, isDual: Bool, file: SocketFile? = nil) {
            self.address = address
            self.request = request
            self.file = file
            name =
                if case .ipv6 = address, address.isWildcard {
                    "\(address) (\(isDual ? "IPv6 and IPv4" : "IPv6 only"))"
                } else {
                    "\(address)"
                }
        }

        /// Whether this server or the previous process opened it. Then closing it ends the service at this address.
        var isOurs: Bool { request != nil }

        /// The kind in the name of the stored listener.
        var storedKind: StoredListenerName.Kind {
            if let file { return .file(device: file.device, inode: file.inode) }
            return request?.address.port == 0 ? .anyPort : .plain
        }
    }

    let identity: Identity
    private let descriptor: Descriptor

    /// Opens a socket.
    ///
    /// - Parameters:
    ///   - mode: The permission bits of a Unix socket's file.
    ///   - overlappingOurOwn: Whether the address may overlap that of another listener of this process that allows it
    ///     (`StreamSocket.allowOverlap`).
    ///   - asked: The request of the configuration. It differs from `request` if the port was chosen already.
    /// - Throws: `SystemError`.
    init(opening request: Request, mode: UInt32, overlappingOurOwn: Bool, askedAs asked: Request) throws {
        let descriptor: Descriptor
        var file: SocketFile?
        if case .unix(let path) = request.address {
            descriptor = try SocketFile.listen(at: path, mode: mode, made: &file)
        } else {
            descriptor = try StreamSocket.listen(
                on: request.address,
                stack: request.stack,
                sharingWithOurOwn: overlappingOurOwn
            )
        }
        let address = SocketAddress.local(of: descriptor.number) ?? request.address
        identity = Identity(address, request: asked, isDual: request.stack == .dual, file: file)
        self.descriptor = descriptor
    }

    /// Adopts a listening socket that was handed in.
    init(adopting descriptor: consuming Descriptor) throws {
        try StreamSocket.adopt(descriptor.number)
        let address = SocketAddress.local(of: descriptor.number) ?? .unix(path: "")
        let isDual = StreamSocket.isDualStack(descriptor.number)
        identity = Identity(address, request: nil, isDual: isDual)
        self.descriptor = descriptor
    }

    /// Adopts a listening socket that the previous process opened and stored.
    ///
    /// - Throws: `SystemError` for a socket that does not listen, or that new clients no longer reach.
    init(stored descriptor: consuming Descriptor, as name: StoredListenerName) throws {
        guard StreamSocket.listens(descriptor.number), !StreamSocket.ignoresNewcomers(descriptor.number)
        else {
            throw SystemError("use a stored socket", code: EINVAL)
        }
        try StreamSocket.adopt(descriptor.number)
        guard let address = SocketAddress.local(of: descriptor.number) else {
            throw SystemError("use a stored socket")
        }
        let isDual = StreamSocket.isDualStack(descriptor.number)
        var file: SocketFile?
        if case .file(let device, let inode) = name.kind, case .unix(let path) = address {
            file = SocketFile(path: path, device: device, inode: inode)
        }
        let request = Request(
            address: name.kind == .anyPort ? address.with(port: 0) : address,
            stack: isDual ? .dual : .ipv6Only
        )
        identity = Identity(address, request: request, isDual: isDual, file: file)
        self.descriptor = descriptor
    }

    consuming func release() -> Int32 { descriptor.release() }
}
