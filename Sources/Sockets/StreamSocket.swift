import CLinux
import Glibc

/// What a listening or connected stream socket is asked for. Every socket made here is non-blocking and
/// close-on-exec; every function here returns at once.
public enum StreamSocket {
    /// Whether an IPv6 listener on `::` answers IPv4 clients too (`IPV6_V6ONLY`, ipv6(7)).
    public enum Stack: Sendable {
        /// IPv6 clients only.
        case ipv6Only
        /// IPv4 clients too; their addresses are IPv4 addresses.
        case dual
    }

    /// The longest backlog of any listener (`net.core.somaxconn` is 4096 by default).
    public static let maximumBacklog: Int32 = 4096

    /// A listening socket.
    ///
    /// The address may be used again at once after a restart (`SO_REUSEADDR`), but never while another socket listens
    /// there.
    ///
    /// - Parameters:
    ///   - address: Where to listen; port 0 lets the system choose.
    ///   - stack: For an IPv6 address only.
    ///   - sharingWithOurOwn: Sets `SO_REUSEPORT` while binding, for an address that overlaps one on which this same
    ///     process listens, and which was opened to it by `allowOverlap(_:on:)`.
    ///   - mode: For a Unix socket, the most that its file permits from the beginning; the umask takes from it.
    ///   - backlog: How many clients the kernel holds until they are accepted; it takes at most `net.core.somaxconn`.
    /// - Throws: `SystemError`, with advice for an address that is taken, is not ours or needs a privilege.
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
        // The file of a Unix socket is made with the permissions of the socket itself, less the umask.
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

    /// Lets (or no longer lets) sockets of this same user bind an address that overlaps the one of `descriptor`.
    public static func allowOverlap(_ allowed: Bool, on descriptor: Int32) throws {
        try setOption(
            descriptor,
            SOL_SOCKET,
            SO_REUSEPORT,
            allowed ? 1 : 0,
            action: "share the address of a listener"
        )
    }

    /// Lets no more clients into the backlog of a TCP listener that is about to be closed.
    ///
    /// A client in the backlog of a listener that is closed, or on the way there, gets a RST. After this call the backlog
    /// can be emptied for good: a handshake that has begun is completed, and who comes now finds another listener that
    /// has the address too, or is refused.
    public static func ignoreNewcomers(on listener: Int32) {
        // Where it does not work there is a moment in which a client may be reset, and nothing can be done about it.
        _ = linux_ignore_newcomers(listener)
    }

    /// Begins to connect. The connection stands when the socket becomes writable and `pendingError(of:)` is 0.
    ///
    /// - Throws: `SystemError` where the system refuses at once.
    public static func connect(to address: SocketAddress) throws -> Descriptor {
        let action = "connect to \(address)"
        let socket = try make(family: address.family, action: action)
        let result = try address.withSockAddr { pointer, length in
            retryingInterrupts { Int(Glibc.connect(socket.number, pointer, length)) }
        }
        guard result == 0 || errno == EINPROGRESS else { throw SystemError(action) }
        return socket
    }

    /// What accepting brought.
    public enum Accepted: ~Copyable {
        /// A client, and its address; the IPv4 client of an IPv6 listener has its IPv4 address.
        case client(Descriptor, SocketAddress)
        /// The `errno` of accept4(2), `EAGAIN` where nobody waits.
        case failed(Int32)
    }

    /// Takes one client from the backlog of a listening socket.
    public static func accept(from listener: Int32) -> Accepted {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let number = linux_accept(listener, &storage, &length)
        guard number >= 0 else { return .failed(errno) }
        // The address comes with the client: getpeername(2) has none of a client that has left since.
        let address = SocketAddress(storage, length: length)?.unmapped ?? .unix(path: "")
        return .client(Descriptor(owning: number), address)
    }

    /// Sends small pieces at once (`TCP_NODELAY`, tcp(7)). On a Unix socket it does nothing.
    public static func disableDelay(_ descriptor: Int32) {
        var on: Int32 = 1
        _ = setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    /// How long a connection may be silent before the kernel asks whether the other side is still there, how long until it asks
    /// again, and after how many questions without an answer the connection is lost: 4 minutes altogether, where the
    /// kernel's own values are 2 hours and more.
    static let keepalive = (idle: Int32(120), interval: Int32(15), count: Int32(8))

    /// Sets what the accepted sockets of a TCP listener have from it: small answers are sent at once (`TCP_NODELAY`), urgent bytes
    /// are bytes like others (`SO_OOBINLINE`), and a peer that has vanished is noticed (`SO_KEEPALIVE`), within `keepalive`
    /// unless whoever made the socket has set the times.
    ///
    /// No `TCP_USER_TIMEOUT`: it also ends a connection whose peer is alive but does not read for that long. What a vanished
    /// peer has not acknowledged ends the connection after `net.ipv4.tcp_retries2`, about 15 minutes.
    static func setUpForClients(_ listener: Int32) {
        var (on, isKept): (Int32, Int32) = (1, 0)
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &isKept, &length)
        func set(_ level: Int32, _ option: Int32, _ value: inout Int32) {
            // On a Unix socket most of these fail, and nothing is lost.
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

    /// Receives urgent bytes among the others (`SO_OOBINLINE`, socket(7)): an answer would be one byte short without it.
    public static func receiveUrgentInLine(_ descriptor: Int32) {
        var on: Int32 = 1
        _ = setsockopt(descriptor, SOL_SOCKET, SO_OOBINLINE, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Makes close(2) end the connection with a RST, and drop what is not sent (`SO_LINGER` without time, socket(7)).
    public static func resetOnClose(_ descriptor: Int32) {
        var setting = linger(l_onoff: 1, l_linger: 0)
        _ = setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &setting, socklen_t(MemoryLayout<linger>.size))
    }

    /// The error that a socket holds, 0 for none, and clears it (`SO_ERROR`, socket(7)).
    public static func pendingError(of descriptor: Int32) -> Int32 {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0 ? code : errno
    }

    /// Whether a socket listens (`SO_ACCEPTCONN`, socket(7)): not so after shutdown(2).
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

    /// How many sent bytes the other side has not taken yet (`SIOCOUTQ`, tcp(7), unix(7)).
    public static func untakenBytes(of descriptor: Int32) -> Int {
        var count: Int32 = 0
        return ioctl(descriptor, UInt(TIOCOUTQ), &count) == 0 ? max(0, Int(count)) : 0
    }

    /// Whether an IPv6 socket answers IPv4 clients too; false for other families.
    public static func isDualStack(_ descriptor: Int32) -> Bool {
        var only: Int32 = 1
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &only, &length) == 0 && only == 0
    }

    /// Makes a listening socket that came from elsewhere non-blocking and close-on-exec.
    ///
    /// Another process may hold the same socket and make it blocking again. So it also gets the shortest receive timeout
    /// (`SO_RCVTIMEO`, socket(7)): an accept on it then waits for a few milliseconds at most.
    public static func adopt(_ descriptor: Int32) throws {
        var patience = timeval(tv_sec: 0, tv_usec: 1)
        _ = setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
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
