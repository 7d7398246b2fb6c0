import CLinux
import Glibc

/// Functions for listening and connected stream sockets. Every socket created here is non-blocking and close-on-exec; every
/// function returns at once.
public enum StreamSocket {
    /// Whether an IPv6 listener on `::` accepts IPv4 clients, too (`IPV6_V6ONLY`, ipv6(7)).
    public enum Stack: Sendable {
        /// IPv6 clients only.
        case ipv6Only
        /// IPv4 clients, too; they have IPv4 addresses.
        case dual
    }

    /// The longest backlog of any listener (`net.core.somaxconn` is 4096 by default).
    public static let maximumBacklog: Int32 = 4096

    /// Creates a listening socket.
    ///
    /// After a restart the address can be used again at once (`SO_REUSEADDR`), but never while another socket listens there.
    ///
    /// - Parameters:
    ///   - address: Where to listen; port 0 lets the system choose.
    ///   - stack: For an IPv6 address only.
    ///   - sharingWithOurOwn: Sets `SO_REUSEPORT` while binding. Then the address may overlap that of another listener of this
    ///     process, if `allowOverlap(_:on:)` was called on that one.
    ///   - mode: For a Unix socket, the initial permission bits of its file, reduced by the umask.
    ///   - backlog: How many clients the kernel queues until they are accepted, at most `net.core.somaxconn`.
    /// - Throws: `SystemError`, with advice for an address that is in use, does not exist here or needs a privilege.
    public static func listen(
        on address: SocketAddress,
        stack: Stack = .ipv6Only,
        sharingWithOurOwn: Bool = false,
        mode: mode_t = 0o777,
        backlog: Int32 = maximumBacklog
    ) throws -> Descriptor {
        let action = "listen on \(address)"
        let socket = try make(family: address.family, action: action)
        if address.port != nil {
            try setOption(socket.number, SOL_SOCKET, SO_REUSEADDR, 1, action: action)
            if sharingWithOurOwn { try setOption(socket.number, SOL_SOCKET, SO_REUSEPORT, 1, action: action) }
        }
        if case .ipv6 = address {
            try setOption(
                socket.number,
                Int32(IPPROTO_IPV6),
                IPV6_V6ONLY,
                stack == .dual ? 0 : 1,
                action: action
            )
        }
        // bind(2) creates the file of a Unix socket with the permissions of the socket itself, reduced by the umask.
        if address.family == AF_UNIX, fchmod(socket.number, mode) != 0 { throw SystemError(action) }
        guard try address.withSockAddr({ bind(socket.number, $0, $1) }) == 0 else {
            throw SystemError(action, advice: advice(errno, address))
        }
        if address.port != nil { setUpForClients(socket.number) }
        guard Glibc.listen(socket.number, backlog) == 0 else {
            throw SystemError(action, advice: advice(errno, address))
        }
        if sharingWithOurOwn { try setOption(socket.number, SOL_SOCKET, SO_REUSEPORT, 0, action: action) }
        return socket
    }

    /// Sets whether sockets of the same user may bind an address that overlaps that of `descriptor`.
    public static func allowOverlap(_ allowed: Bool, on descriptor: Int32) throws {
        try setOption(
            descriptor,
            SOL_SOCKET,
            SO_REUSEPORT,
            allowed ? 1 : 0,
            action: "share the address of a listener"
        )
    }

    /// Keeps new clients out of the backlog of a TCP listener that is about to be closed.
    ///
    /// When a listener is closed, clients in its backlog and clients in a handshake get a RST. After this call the backlog can be
    /// emptied first: handshakes that have begun complete, and new clients reach another listener with the same address, or are
    /// refused.
    public static func ignoreNewcomers(on listener: Int32) {
        // If the system refuses, a client may be reset for a short time. There is no remedy.
        _ = linux_ignore_newcomers(listener)
    }

    /// Whether `ignoreNewcomers(on:)` was called on the listener, in this or another process.
    public static func ignoresNewcomers(_ listener: Int32) -> Bool { linux_ignores_newcomers(listener) }

    /// Whether this is a stream socket that listens.
    public static func listens(_ descriptor: Int32) -> Bool {
        option(SO_TYPE, of: descriptor) == Int32(SOCK_STREAM.rawValue)
            && option(SO_ACCEPTCONN, of: descriptor) == 1
    }

    /// Whether this is a stream socket of a known family that does not listen: one end of a connection.
    public static func isConnection(_ descriptor: Int32) -> Bool {
        option(SO_TYPE, of: descriptor) == Int32(SOCK_STREAM.rawValue)
            && option(SO_ACCEPTCONN, of: descriptor) == 0
            && [AF_INET, AF_INET6, AF_UNIX].contains(option(SO_DOMAIN, of: descriptor))
    }

    private static func option(_ name: Int32, of descriptor: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
    }

    /// Starts to connect. The connection is established when the socket is writable and `pendingError(of:)` is 0.
    ///
    /// - Throws: `SystemError` if the system refuses at once.
    public static func connect(to address: SocketAddress) throws -> Descriptor {
        let action = "connect to \(address)"
        let socket = try make(family: address.family, action: action)
        let result = try address.withSockAddr { pointer, length in
            retryingInterrupts { Int(Glibc.connect(socket.number, pointer, length)) }
        }
        guard result == 0 || errno == EINPROGRESS else { throw SystemError(action) }
        return socket
    }

    /// The result of an accept.
    public enum Accepted: ~Copyable {
        /// A client and its address. An IPv4 client of an IPv6 listener has its IPv4 address.
        case client(Descriptor, SocketAddress)
        /// The `errno` of accept4(2), `EAGAIN` if no client waits.
        case failed(Int32)
    }

    /// Accepts one client from the backlog of a listening socket.
    public static func accept(from listener: Int32) -> Accepted {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let number = linux_accept(listener, &storage, &length)
        guard number >= 0 else { return .failed(errno) }
        // From accept4, because getpeername(2) fails for a client that has already left.
        let address = SocketAddress(storage, length: length)?.unmapped ?? .unix(path: "")
        return .client(Descriptor(owning: number), address)
    }

    /// Makes the socket send small segments at once (`TCP_NODELAY`, tcp(7)). Does nothing on a Unix socket.
    public static func disableDelay(_ descriptor: Int32) {
        var on: Int32 = 1
        _ = setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Keepalive: the idle time before the first probe, the interval between probes, and the number of unanswered probes after
    /// which the connection is lost. 4 minutes in total; the kernel's default is more than 2 hours.
    static let keepalive = (idle: Int32(120), interval: Int32(15), count: Int32(8))

    /// Sets the options that accepted sockets inherit from a TCP listener: small answers are sent at once (`TCP_NODELAY`), urgent
    /// bytes are received in line (`SO_OOBINLINE`), and a vanished peer is detected (`SO_KEEPALIVE`), within `keepalive` unless
    /// the creator of the socket has set other times.
    ///
    /// Not `TCP_USER_TIMEOUT`: it also ends a connection whose peer is alive but does not read for that time. With unacknowledged
    /// data a vanished peer is detected after `net.ipv4.tcp_retries2`, about 15 minutes.
    static func setUpForClients(_ listener: Int32) {
        var (on, isKept): (Int32, Int32) = (1, 0)
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &isKept, &length)
        func set(_ level: Int32, _ option: Int32, _ value: inout Int32) {
            // On a Unix socket most of these fail, which does no harm.
            _ = setsockopt(listener, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
        }
        disableDelay(listener)
        receiveUrgentInLine(listener)
        guard isKept == 0 else { return }
        var (idle, interval, count) = keepalive
        set(SOL_SOCKET, SO_KEEPALIVE, &on)
        set(Int32(IPPROTO_TCP), TCP_KEEPIDLE, &idle)
        set(Int32(IPPROTO_TCP), TCP_KEEPINTVL, &interval)
        set(Int32(IPPROTO_TCP), TCP_KEEPCNT, &count)
    }

    /// Receives urgent bytes in line (`SO_OOBINLINE`, socket(7)). Without it an answer would be one byte short.
    public static func receiveUrgentInLine(_ descriptor: Int32) {
        var on: Int32 = 1
        _ = setsockopt(descriptor, SOL_SOCKET, SO_OOBINLINE, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Makes close(2) end the connection with a RST, and drop unsent bytes (`SO_LINGER` with time 0, socket(7)).
    public static func resetOnClose(_ descriptor: Int32) {
        var setting = linger(l_onoff: 1, l_linger: 0)
        _ = setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &setting, socklen_t(MemoryLayout<linger>.size))
    }

    /// Returns the pending error of a socket, 0 for none, and clears it (`SO_ERROR`, socket(7)).
    public static func pendingError(of descriptor: Int32) -> Int32 {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0 ? code : errno
    }

    /// Whether a socket listens (`SO_ACCEPTCONN`, socket(7)). False after shutdown(2).
    public static func isListening(_ descriptor: Int32) -> Bool {
        var isListening: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &length) == 0
            && isListening != 0
    }

    /// How many received bytes wait to be read (`SIOCINQ`, tcp(7), unix(7)).
    public static func unreadBytes(of descriptor: Int32) -> Int {
        var count: Int32 = 0
        return ioctl(descriptor, UInt(FIONREAD), &count) == 0 ? max(0, Int(count)) : 0
    }

    /// How many sent bytes the peer has not acknowledged yet (`SIOCOUTQ`, tcp(7), unix(7)).
    public static func untakenBytes(of descriptor: Int32) -> Int {
        var count: Int32 = 0
        return ioctl(descriptor, UInt(TIOCOUTQ), &count) == 0 ? max(0, Int(count)) : 0
    }

    /// Whether an IPv6 socket accepts IPv4 clients, too; false for other families.
    public static func isDualStack(_ descriptor: Int32) -> Bool {
        var only: Int32 = 1
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &only, &length) == 0 && only == 0
    }

    /// Makes a listening socket from another process non-blocking and close-on-exec.
    ///
    /// The other process may make it blocking again. So it also gets the shortest receive timeout (`SO_RCVTIMEO`, socket(7)): then
    /// an accept waits for a few milliseconds at most.
    public static func adopt(_ descriptor: Int32) throws {
        var timeout = timeval(tv_sec: 0, tv_usec: 1)
        _ = setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        let flags = fcntl(descriptor, F_GETFL)
        guard flags >= 0, fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0,
            fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0
        else { throw SystemError("take over descriptor \(descriptor)") }
        setUpForClients(descriptor)
    }

    private static func make(family: Int32, action: String) throws -> Descriptor {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let number = socket(family, kind, 0)
        guard number >= 0 else { throw SystemError(action) }
        return Descriptor(owning: number)
    }

    private static func setOption(
        _ descriptor: Int32,
        _ level: Int32,
        _ option: Int32,
        _ value: Int32,
        action: String
    ) throws {
        var value = value
        guard setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
            throw SystemError(action)
        }
    }

    private static func advice(_ code: Int32, _ address: SocketAddress) -> String {
        switch (code, address) {
        case (EADDRINUSE, .unix):
            "another server answers there; stop it or choose another path"
        case (EADDRINUSE, _):
            "another program listens there (ss -ltnp shows which; systemd does for an active socket unit); stop it or choose another port"
        case (EADDRNOTAVAIL, _):
            "this machine has no such address (ip address shows those it has)"
        case (EACCES, .unix(let path)):
            "this user may not create \(path)"
        case (EACCES, _):
            "a port below 1024 needs the right to bind it (CAP_NET_BIND_SERVICE), or choose a higher port"
        case (ENOENT, .unix(let path)):
            "the directory of \(path) does not exist"
        case (EAFNOSUPPORT, .ipv6):
            "this machine has no IPv6"
        default: ""
        }
    }
}
