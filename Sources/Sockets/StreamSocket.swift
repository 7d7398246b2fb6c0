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
        let number = socket.number
        func require(_ option: Int32, _ level: Int32 = SOL_SOCKET, isOn: Bool) throws {
            guard set(option, level, of: number, to: Int32(isOn ? 1 : 0)) else {
                throw SystemError(action)
            }
        }
        if address.port != nil {
            try require(SO_REUSEADDR, isOn: true)
            if sharingWithOurOwn { try require(SO_REUSEPORT, isOn: true) }
        }
        if case .ipv6 = address { try require(IPV6_V6ONLY, Int32(IPPROTO_IPV6), isOn: stack == .ipv6Only) }
        // bind(2) creates the file of a Unix socket with the permissions of the socket itself, reduced by the umask.
        if address.family == AF_UNIX, fchmod(number, mode) != 0 { throw SystemError(action) }
        guard try unsafe address.withSockAddr({ unsafe bind(number, $0, $1) }) == 0 else {
            throw SystemError(action, advice: advice(errno, address))
        }
        if address.port != nil { setUpForClients(number) }
        guard Glibc.listen(number, backlog) == 0 else {
            throw SystemError(action, advice: advice(errno, address))
        }
        if sharingWithOurOwn { try require(SO_REUSEPORT, isOn: false) }
        return socket
    }

    /// Sets whether sockets of the same user may bind an address that overlaps that of `descriptor`.
    public static func allowOverlap(_ allowed: Bool, on descriptor: Int32) throws {
        guard set(SO_REUSEPORT, of: descriptor, to: Int32(allowed ? 1 : 0)) else {
            throw SystemError("share the address of a listener")
        }
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

    /// Starts to connect. The connection is established when the socket is writable and `pendingError(of:)` is 0.
    ///
    /// - Throws: `SystemError` if the system refuses at once.
    public static func connect(to address: SocketAddress) throws -> Descriptor {
        let action = "connect to \(address)"
        let socket = try make(family: address.family, action: action)
        let result = try unsafe address.withSockAddr { pointer, length in
            retryingInterrupts { unsafe Int(Glibc.connect(socket.number, pointer, length)) }
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
        let number = unsafe linux_accept(listener, &storage, &length)
        guard number >= 0 else { return .failed(errno) }
        // From accept4, because getpeername(2) fails for a client that has already left.
        let address = SocketAddress(storage, length: length)?.unmapped ?? .unix(path: "")
        return .client(Descriptor(owning: number), address)
    }

    /// Makes the socket send small segments at once (`TCP_NODELAY`, tcp(7)). Does nothing on a Unix socket.
    public static func disableDelay(_ descriptor: Int32) {
        set(TCP_NODELAY, Int32(IPPROTO_TCP), of: descriptor, to: Int32(1))
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
        disableDelay(listener)
        receiveUrgentInLine(listener)
        guard option(SO_KEEPALIVE, of: listener) == 0 else { return }
        // On a Unix socket most of these fail, which does no harm.
        set(SO_KEEPALIVE, of: listener, to: Int32(1))
        set(TCP_KEEPIDLE, Int32(IPPROTO_TCP), of: listener, to: keepalive.idle)
        set(TCP_KEEPINTVL, Int32(IPPROTO_TCP), of: listener, to: keepalive.interval)
        set(TCP_KEEPCNT, Int32(IPPROTO_TCP), of: listener, to: keepalive.count)
    }

    /// Receives urgent bytes in line (`SO_OOBINLINE`, socket(7)). Without it an answer would be one byte short.
    public static func receiveUrgentInLine(_ descriptor: Int32) {
        set(SO_OOBINLINE, of: descriptor, to: Int32(1))
    }

    /// Makes close(2) end the connection with a RST, and drop unsent bytes (`SO_LINGER` with time 0, socket(7)).
    public static func resetOnClose(_ descriptor: Int32) {
        set(SO_LINGER, of: descriptor, to: linger(l_onoff: 1, l_linger: 0))
    }

    /// Returns the pending error of a socket, 0 for none, and clears it (`SO_ERROR`, socket(7)).
    public static func pendingError(of descriptor: Int32) -> Int32 {
        option(SO_ERROR, of: descriptor) ?? errno
    }

    /// Whether a socket listens (`SO_ACCEPTCONN`, socket(7)). False after shutdown(2).
    public static func isListening(_ descriptor: Int32) -> Bool {
        option(SO_ACCEPTCONN, of: descriptor) == 1
    }

    /// How many received bytes wait to be read (`SIOCINQ`, tcp(7), unix(7)).
    public static func unreadBytes(of descriptor: Int32) -> Int {
        var count: Int32 = 0
        return unsafe ioctl(descriptor, UInt(FIONREAD), &count) == 0 ? max(0, Int(count)) : 0
    }

    /// How many sent bytes the peer has not acknowledged yet (`SIOCOUTQ`, tcp(7), unix(7)).
    public static func untakenBytes(of descriptor: Int32) -> Int {
        var count: Int32 = 0
        return unsafe ioctl(descriptor, UInt(TIOCOUTQ), &count) == 0 ? max(0, Int(count)) : 0
    }

    /// Whether an IPv6 socket accepts IPv4 clients, too; false for other families.
    public static func isDualStack(_ descriptor: Int32) -> Bool {
        option(IPV6_V6ONLY, Int32(IPPROTO_IPV6), of: descriptor) == 0
    }

    /// Makes a listening socket from another process non-blocking and close-on-exec.
    ///
    /// The other process may make it blocking again. So it also gets the shortest receive timeout (`SO_RCVTIMEO`, socket(7)): then
    /// an accept waits for a few milliseconds at most.
    public static func adopt(_ descriptor: Int32) throws {
        set(SO_RCVTIMEO, of: descriptor, to: timeval(tv_sec: 0, tv_usec: 1))
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

    /// The value of an option, nil if the socket does not have it (getsockopt(2)).
    private static func option(_ name: Int32, _ level: Int32 = SOL_SOCKET, of descriptor: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return unsafe getsockopt(descriptor, level, name, &value, &length) == 0 ? value : nil
    }

    /// Sets an option, and returns whether the system accepts it (setsockopt(2)).
    @discardableResult
    private static func set<Value: BitwiseCopyable>(
        _ option: Int32,
        _ level: Int32 = SOL_SOCKET,
        of descriptor: Int32,
        to value: Value
    ) -> Bool {
        var value = value
        return unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Value>.size)) == 0
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
