import CLinux
import Glibc

/// The system calls of the simulated machine. Each has the arguments and the result of the real one.
public enum System {
    private static var world: World { World.current }
    private static var kernel: Kernel { world.kernel }
    private static var judge: Judge { world.judge }

    private static func client(_ number: Int32, _ call: String) -> ClientSocket? {
        guard let file = kernel.file(number, call) else { return nil }
        guard let socket = file as? ClientSocket else {
            world.fail("\(call) on \(file.name), which is no connected socket")
            errno = ENOTCONN
            return nil
        }
        return socket
    }

    // MARK: - Connected sockets

    public static func recv(_ number: Int32, _ space: UnsafeMutableRawBufferPointer, _ flags: Int32) -> Int {
        kernel.enter()
        guard let socket = client(number, "recv") else { return -1 }
        if space.isEmpty { world.fail("recv into no space") }
        if flags & Int32(MSG_DONTWAIT) == 0 { world.fail("a recv that can block") }
        let isPeek = flags & Int32(MSG_PEEK) != 0
        if let code = kernel.failure(
            isPeek
                ? [EINTR, EAGAIN]
                : [EINTR, EINTR, EAGAIN, EAGAIN, ECONNRESET, ETIMEDOUT, ENOMEM, EHOSTUNREACH]
        ) {
            // The check for an end of file is not repeated, that for a header is.
            let isLook = isPeek && !socket.account.awaitsHeader
            if isLook || code != EINTR && code != EAGAIN { socket.account.noteFault("recv") }
            socket.fruitless += 1
            world.trace("recv(\(socket.name)) fails: \(code)")
            return -1
        }
        let count = socket.receive(space, peeks: isPeek)
        world.trace(
            "recv(\(socket.name), \(space.count)\(isPeek ? ", peek" : "")) = \(count < 0 ? "error \(errno)" : "\(count)")"
        )
        return count
    }

    public static func send(_ number: Int32, _ bytes: UnsafeRawBufferPointer, _ flags: Int32) -> Int {
        kernel.enter()
        guard let socket = client(number, "send") else { return -1 }
        if flags & Int32(MSG_NOSIGNAL) == 0 { world.fail("a send that can raise SIGPIPE") }
        if flags & Int32(MSG_DONTWAIT) == 0 { world.fail("a send that can block") }
        if bytes.isEmpty { world.fail("a send of nothing") }
        if let code = kernel.failure([EINTR, EAGAIN, EAGAIN, EPIPE, ECONNRESET, ENOBUFS, ENOMEM]) {
            if code != EINTR, code != EAGAIN { socket.account.noteFault("send") }
            socket.fruitless += 1
            world.trace("send(\(socket.name)) fails: \(code)")
            return -1
        }
        let count = socket.send(bytes)
        world.trace("send(\(socket.name), \(bytes.count)) = \(count < 0 ? "error \(errno)" : "\(count)")")
        return count
    }

    public static func shutdown(_ number: Int32, _ how: Int32) -> Int32 {
        kernel.enter()
        guard let socket = client(number, "shutdown") else { return -1 }
        world.trace("shutdown(\(socket.name), \(how))")
        if how == Int32(SHUT_RD) { world.fail("shutdown(SHUT_RD) loses answers") }
        if how == Int32(SHUT_RDWR) {
            if socket.isShared { world.fail("shutdown of \(socket.name), which another process has") }
            // The close follows at once, and is checked.
            return 0
        }
        if kernel.failure([ENOBUFS]) != nil {
            socket.account.noteFault("shutdown")
            return -1
        }
        return socket.finishSending() ? 0 : -1
    }

    public static func ioctl(_ number: Int32, _ request: UInt, _ result: UnsafeMutablePointer<Int32>) -> Int32
    {
        kernel.enter()
        guard let socket = client(number, "ioctl") else { return -1 }
        if kernel.failure([ENOMEM]) != nil {
            socket.account.noteFault("ioctl")
            return -1
        }
        result.pointee = Int32(request == UInt(FIONREAD) ? socket.inbound.count : socket.outbound.count)
        return 0
    }

    // MARK: - Listeners

    public static func socket(_ family: Int32) -> Int32 {
        kernel.enter()
        if kernel.failure([EMFILE, ENFILE, ENOBUFS, ENOMEM]) != nil { return -1 }
        return kernel.install(ListeningFile(world, family: family))
    }

    private static func listener(_ number: Int32, _ call: String) -> ListeningFile? {
        guard let file = kernel.file(number, call) else { return nil }
        guard let listener = file as? ListeningFile else {
            errno = EINVAL
            return nil
        }
        return listener
    }

    public static func bind(_ number: Int32, _ address: Address?) -> Int32 {
        kernel.enter()
        guard let file = listener(number, "bind"), var address else { return -1 }
        if let code = kernel.failure([EADDRINUSE, EACCES, ENOMEM]) {
            world.trace("bind(\(address)) fails: \(code)")
            return -1
        }
        if case .unix(let path) = address {
            guard kernel.paths[path] == nil else {
                errno = EADDRINUSE
                return -1
            }
            kernel.paths[path] = (kernel.takeInode(), true, 0o755)
            file.address = address
            return 0
        }
        if address.port == 0 {
            kernel.nextPort += 1
            address = address.with(port: kernel.nextPort)
        }
        for other in kernel.openFiles.compactMap({ $0 as? ListeningFile }) where other !== file {
            guard let taken = other.address, taken.port == address.port, taken.port != nil else { continue }
            let isSame = taken == address
            let overlaps: Bool
            switch (taken, address) {
            case (.ipv4, .ipv4), (.ipv6, .ipv6): overlaps = taken.isWildcard || address.isWildcard
            case (.ipv6, .ipv4): overlaps = taken.isWildcard && !other.isIPv6Only
            case (.ipv4, .ipv6): overlaps = address.isWildcard && !file.isIPv6Only
            default: overlaps = false
            }
            guard isSame || overlaps, !(other.reusesPort && file.reusesPort) else { continue }
            errno = EADDRINUSE
            world.trace("bind(\(address)): taken by \(taken)")
            return -1
        }
        file.address = address
        world.trace("bind(\(number), \(address))")
        return 0
    }

    public static func listen(_ number: Int32, _ backlog: Int32) -> Int32 {
        kernel.enter()
        guard let file = listener(number, "listen") else { return -1 }
        if kernel.failure([EADDRINUSE]) != nil { return -1 }
        file.listen(Int(backlog))
        return 0
    }

    public static func connect(_ number: Int32, _ address: Address?) -> Int32 {
        kernel.enter()
        guard listener(number, "connect") != nil, let address else { return -1 }
        // The engine connects only to Unix sockets, to find out whether their server lives.
        if kernel.failure([EAGAIN, ECONNREFUSED]) != nil { return -1 }
        guard let found = kernel.listeners.first(where: { $0.address == address }) else {
            errno = ECONNREFUSED
            return -1
        }
        _ = found
        return 0
    }

    public static func accept(
        _ number: Int32,
        _ address: UnsafeMutablePointer<sockaddr_storage>,
        _ length: UnsafeMutablePointer<socklen_t>
    ) -> Int32 {
        kernel.enter()
        guard let file = listener(number, "accept") else { return -1 }
        if file.isDead {
            errno = EINVAL
            return -1
        }
        if let refusal = file.refusal, world.now < refusal.until {
            judge.noteFutileCall()
            errno = refusal.code
            return -1
        }
        if let code = kernel.failure([EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPROTO, EPERM]) {
            world.trace("accept(\(file.name)) fails: \(code)")
            if file.waitingSince != nil { file.waitingSince = world.now }
            if [EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM].contains(code), world.random.oneIn(3) {
                file.refusal = (code, world.now + .milliseconds(world.random.below(1500)))
            }
            return -1
        }
        if !file.backlog.isEmpty, world.shouldFail() {
            errno = ECONNABORTED
            if let gone = file.accept() { gone.resetByServer() }
            return -1
        }
        guard kernel.open < Int(kernel.limit.rlim_cur) else {
            world.fail("the descriptor table is full")
            errno = EMFILE
            return -1
        }
        guard let socket = file.accept() else {
            world.trace("accept(\(file.name)): nobody")
            errno = EAGAIN
            return -1
        }
        let accepted = kernel.install(socket)
        world.trace(
            "accept(\(file.name)) = \(accepted), client \(socket.peer.id) from \(socket.peer.address)"
        )
        socket.account.accepted()
        socket.peer.address.write(address, length)
        judge.progress()
        return accepted
    }

    public static func ignoreNewcomers(_ number: Int32) -> Int32 {
        kernel.enter()
        guard let file = listener(number, "setsockopt") else { return -1 }
        if kernel.failure([ENOPROTOOPT]) != nil {
            file.hadFault = true
            return -1
        }
        file.ignoresNewcomers = true
        return 0
    }

    public static func setOption(_ number: Int32, _ level: Int32, _ option: Int32, _ value: Int32) -> Int32 {
        kernel.enter()
        guard let file = kernel.file(number, "setsockopt") else { return -1 }
        if kernel.failure([ENOBUFS, ENOMEM]) != nil { return -1 }
        if level == SOL_SOCKET, option == SO_LINGER, let socket = file as? ClientSocket {
            socket.resetsOnClose = value != 0
        }
        guard let file = file as? ListeningFile else { return 0 }
        if level == SOL_SOCKET, option == SO_REUSEPORT { file.reusesPort = value != 0 }
        if level == Int32(IPPROTO_IPV6), option == IPV6_V6ONLY { file.isIPv6Only = value != 0 }
        return 0
    }

    public static func option(_ number: Int32, _ level: Int32, _ option: Int32) -> Int32? {
        kernel.enter()
        guard let file = kernel.file(number, "getsockopt") else { return nil }
        if level == SOL_SOCKET, option == SO_ERROR, let socket = file as? ClientSocket {
            defer { socket.pendingError = 0 }
            return socket.pendingError
        }
        if level == SOL_SOCKET, option == SO_TYPE {
            return file is ClientSocket || file is ListeningFile ? Int32(SOCK_STREAM.rawValue) : nil
        }
        if level == SOL_SOCKET, option == SO_DOMAIN { return AF_INET }
        if level == SOL_SOCKET, option == SO_ACCEPTCONN, let file = file as? ListeningFile {
            return file.isListening && !file.isDead ? 1 : 0
        }
        if level == Int32(IPPROTO_IPV6), option == IPV6_V6ONLY, let file = file as? ListeningFile {
            guard file.family == AF_INET6 else {
                errno = ENOPROTOOPT
                return nil
            }
            return file.isIPv6Only ? 1 : 0
        }
        return 0
    }

    public static func localAddress(_ number: Int32) -> Address? {
        kernel.enter()
        return (kernel.file(number, "getsockname") as? ListeningFile)?.address
    }

    // MARK: - Any descriptor

    public static func close(_ number: Int32) -> Int32 {
        kernel.enter()
        return kernel.close(number)
    }

    public static func control(_ number: Int32, _ command: Int32) -> Int32 {
        kernel.enter()
        return kernel.file(number, "fcntl") == nil ? -1 : 0
    }

    public static func poll(_ entries: UnsafeMutableBufferPointer<pollfd>, _ timeout: Int32) -> Int32 {
        kernel.enter()
        // A call for many descriptors without events only counts those that are open.
        let counts = entries.count > 1 && entries.allSatisfy { $0.events == 0 }
        let deadline = timeout < 0 ? Nanoseconds.max : world.now + .milliseconds(Int(timeout))
        while true {
            var found: Int32 = 0
            for index in entries.indices {
                let entry = entries[index]
                if counts {
                    entries[index].revents = kernel.isOpen(entry.fd) ? 0 : Int16(POLLNVAL)
                } else {
                    let ready = kernel.file(entry.fd, "poll")?.readiness ?? []
                    entries[index].revents = Int16(truncatingIfNeeded: ready.rawValue) & (entry.events | 0x18)
                }
                if entries[index].revents != 0 { found += 1 }
            }
            if found > 0 || world.now >= deadline { return found }
            if timeout > 100 { world.fail("poll waits for \(timeout) ms") }
            world.scheduler.sleep(.milliseconds(1))
        }
    }

    public static func read(_ number: Int32, _ space: UnsafeMutableRawBufferPointer) -> Int {
        kernel.enter()
        guard let file = kernel.file(number, "read") else { return -1 }
        guard let timer = file as? TimerFile else {
            errno = EINVAL
            return -1
        }
        if kernel.failure([EINTR]) != nil { return -1 }
        let count = timer.take()
        guard count > 0 else {
            errno = EAGAIN
            return -1
        }
        space.storeBytes(of: count, as: UInt64.self)
        return 8
    }

    // MARK: - Time

    public static func clock(_ clock: clockid_t) -> Nanoseconds {
        let fiber = world.scheduler.current
        world.scheduler.spend(20)
        switch clock {
        case CLOCK_MONOTONIC_COARSE:
            let time = world.now / 4_000_000 * 4_000_000
            if fiber?.clockReading == nil { fiber?.clockReading = time }
            return time
        case CLOCK_THREAD_CPUTIME_ID:
            // The share is random: it decides how many loops there are.
            guard let fiber else { return 0 }
            let elapsed = world.now - min(world.now, fiber.lastProcessorReading)
            fiber.lastProcessorReading = world.now
            fiber.processorTime &+= elapsed / 16 * Nanoseconds(world.loadOfLoops)
            return fiber.processorTime
        default:
            return world.now
        }
    }

    public static func sleep(_ time: Nanoseconds) {
        kernel.enter()
        world.scheduler.sleep(time)
    }

    // MARK: - Epoll and timers

    public static func makeEpoll() -> Int32 {
        kernel.enter()
        if kernel.failure([EMFILE, ENFILE, ENOMEM]) != nil { return -1 }
        return kernel.install(EpollFile(world))
    }

    public static func makeTimer() -> Int32 {
        kernel.enter()
        if kernel.failure([EMFILE, ENFILE, ENOMEM]) != nil { return -1 }
        return kernel.install(TimerFile(world))
    }

    public static func makeReady() -> Int32 {
        kernel.enter()
        return kernel.install(PlainFile(world, isReadable: true))
    }

    public static func epollControl(
        _ epoll: Int32,
        _ operation: Int32,
        _ number: Int32,
        _ event: UnsafeMutablePointer<epoll_event>?
    ) -> Int32 {
        kernel.enter()
        guard let epoll = kernel.file(epoll, "epoll_ctl") as? EpollFile else { return -1 }
        guard let file = kernel.file(number, "epoll_ctl of") else { return -1 }
        world.trace("epoll_ctl(\(epoll.name), \(["", "add", "del", "mod"][Int(operation)]), \(file.name))")
        return epoll.control(operation, file, event)
    }

    public static func epollWait(
        _ epoll: Int32,
        _ events: UnsafeMutablePointer<epoll_event>?,
        _ most: Int32,
        _ timeout: Int32
    ) -> Int32 {
        kernel.enter()
        guard let epoll = kernel.file(epoll, "epoll_pwait") as? EpollFile, let events else { return -1 }
        world.scheduler.current?.clockReading = nil
        return epoll.wait(events, Int(most), timeout: timeout)
    }

    public static func setTimer(_ number: Int32, _ setting: itimerspec) -> Int32 {
        kernel.enter()
        guard let timer = kernel.file(number, "timerfd_settime") as? TimerFile else { return -1 }
        func time(_ value: timespec) -> Nanoseconds {
            Nanoseconds(value.tv_sec) * 1_000_000_000 + Nanoseconds(value.tv_nsec)
        }
        timer.set(first: time(setting.it_value), interval: time(setting.it_interval))
        return 0
    }

    // MARK: - Paths

    public static func openPath(_ path: String, isDirectory: Bool) -> Int32 {
        kernel.enter()
        guard isDirectory else {
            errno = ENOENT
            return -1
        }
        if kernel.failure([EACCES, EMFILE]) != nil { return -1 }
        let number = kernel.install(PlainFile(world, isReadable: false))
        world.trace("open(\(path)) = \(number)")
        return number
    }

    public static func status(_ path: String) -> (inode: UInt64, isSocket: Bool, mode: UInt32)? {
        kernel.enter()
        guard let entry = kernel.paths[path] else {
            errno = ENOENT
            return nil
        }
        return entry
    }

    public static func unlink(_ path: String) -> Int32 {
        kernel.enter()
        world.trace("unlink(\(path))")
        guard kernel.paths.removeValue(forKey: path) != nil else {
            errno = ENOENT
            return -1
        }
        for listener in kernel.listeners where listener.address == .unix(path) {
            listener.ignoresNewcomers = true
        }
        return 0
    }

    public static func changeMode(_ path: String, _ mode: UInt32) -> Int32 {
        kernel.enter()
        if kernel.failure([EPERM]) != nil { return -1 }
        kernel.paths[path]?.mode = mode
        return 0
    }

    // MARK: - The process

    public static var limit: rlimit {
        get { kernel.limit }
        set { kernel.limit = newValue }
    }
    public static var processors: Int { world.conditions.processors }

    public static func forgetUnwatchable(_ number: Int32) {
        kernel.unwatchable.removeAll { $0.descriptor == number }
    }

    public static func keepUnwatchable(_ number: Int32, _ code: Int32) {
        kernel.unwatchable.append((number, code))
    }

    public static func takeUnwatchable() -> (descriptor: Int32, code: Int32)? {
        kernel.unwatchable.isEmpty ? nil : kernel.unwatchable.removeFirst()
    }
}
