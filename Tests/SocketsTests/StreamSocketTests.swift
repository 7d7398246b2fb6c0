import Glibc
import Testing

@testable import Sockets

@Suite("A stream socket")
struct StreamSocketTests {
    private static let anyPort = SocketAddress.ipv4([127, 0, 0, 1], port: 0)

    @Test("listens, connects and accepts without blocking, and closes itself")
    func listenAndConnect() throws {
        let listener = try StreamSocket.listen(on: Self.anyPort)
        #expect(try flags(of: listener.number) == (isBlocking: false, isInherited: false))
        let address = try #require(SocketAddress.local(of: listener.number))
        #expect(address.port != 0)
        switch StreamSocket.accept(from: listener.number) {
        case .failed(EAGAIN): break
        default: Issue.record("somebody was accepted before anybody had connected")
        }

        let client = try StreamSocket.connect(to: address)
        try waitUntilReadable(listener.number)
        let number: Int32
        switch StreamSocket.accept(from: listener.number) {
        case .client(let accepted, let address):
            #expect(address == SocketAddress.local(of: client.number))
            #expect(try flags(of: accepted.number) == (isBlocking: false, isInherited: false))
            #expect(SocketAddress.remote(of: accepted.number) == SocketAddress.local(of: client.number))
            StreamSocket.disableDelay(accepted.number)
            #expect(send(client.number, "hello", 5, 0) == 5)
            try waitUntilReadable(accepted.number)
            #expect(StreamSocket.unreadBytes(of: accepted.number) == 5)
            #expect(StreamSocket.pendingError(of: accepted.number) == 0)
            number = accepted.number
        default:
            Issue.record("nobody was accepted")
            return
        }
        #expect(fcntl(number, F_GETFD) == -1)
    }

    @Test("ignores new clients, but not those that have connected")
    func ignoresNewcomers() throws {
        let listener = try StreamSocket.listen(on: Self.anyPort)
        let address = try #require(SocketAddress.local(of: listener.number))
        let early = try StreamSocket.connect(to: address)
        try waitUntilReadable(listener.number)
        StreamSocket.ignoreNewcomers(on: listener.number)
        let late = try StreamSocket.connect(to: address)
        switch StreamSocket.accept(from: listener.number) {
        case .client(_, let address):
            #expect(address == SocketAddress.local(of: early.number))
        default: Issue.record("who had connected was not accepted")
        }
        switch StreamSocket.accept(from: listener.number) {
        case .failed(EAGAIN): break
        default: Issue.record("a newcomer got into the backlog")
        }
        // No other socket has the address, so connecting is refused.
        var events = pollfd(fd: late.number, events: Int16(POLLOUT), revents: 0)
        #expect(poll(&events, 1, 5000) == 1)
        #expect(StreamSocket.pendingError(of: late.number) == ECONNREFUSED)
    }

    @Test("leaves newcomers to another listener on the same address")
    func leavesNewcomers() throws {
        let old = try StreamSocket.listen(on: Self.anyPort)
        let address = try #require(SocketAddress.local(of: old.number))
        try StreamSocket.allowOverlap(true, on: old.number)
        let wide = SocketAddress.ipv4([0, 0, 0, 0], port: try #require(address.port))
        let new = try StreamSocket.listen(on: wide, sharingWithOurOwn: true)
        StreamSocket.ignoreNewcomers(on: old.number)
        let client = try StreamSocket.connect(to: address)
        try waitUntilReadable(new.number)
        guard case .client(let accepted, _) = StreamSocket.accept(from: new.number) else {
            Issue.record("nobody came")
            return
        }
        #expect(SocketAddress.remote(of: accepted.number) == SocketAddress.local(of: client.number))
    }

    @Test("explains what is wrong with an address and what to do")
    func errors() throws {
        let listener = try StreamSocket.listen(on: Self.anyPort)
        let address = try #require(SocketAddress.local(of: listener.number))
        let taken = #expect(throws: SystemError.self) { _ = try StreamSocket.listen(on: address) }
        #expect(taken?.code == EADDRINUSE)
        #expect(
            taken?.description == """
                cannot listen on \(address): Address already in use; another program listens there (ss -ltnp shows \
                which; systemd does for an active socket unit); stop it or choose another port
                """
        )
        let foreign = #expect(throws: SystemError.self) {
            _ = try StreamSocket.listen(on: .ipv4([203, 0, 113, 1], port: 0))
        }
        #expect(foreign?.code == EADDRNOTAVAIL)
        let missing = #expect(throws: SystemError.self) {
            _ = try StreamSocket.listen(on: .unix(path: "/nonexistent/directory/socket"))
        }
        #expect(missing?.code == ENOENT)
    }

    @Test("shares an overlapping address only with a listener that allows it")
    func overlap() throws {
        let narrow = try StreamSocket.listen(on: Self.anyPort)
        let port = try #require(SocketAddress.local(of: narrow.number)?.port)
        let wide = SocketAddress.ipv4([0, 0, 0, 0], port: port)
        #expect(throws: SystemError.self) { _ = try StreamSocket.listen(on: wide, sharingWithOurOwn: true) }
        try StreamSocket.allowOverlap(true, on: narrow.number)
        _ = try StreamSocket.listen(on: wide, sharingWithOurOwn: true)
    }

    @Test("distinguishes IPv6 only from dual")
    func stacks() throws {
        let wildcard = SocketAddress.ipv6(SIMD16(repeating: 0), port: 0, zone: 0)
        let dual = try StreamSocket.listen(on: wildcard, stack: .dual)
        let six = try StreamSocket.listen(on: wildcard, stack: .ipv6Only)
        let four = try StreamSocket.listen(on: Self.anyPort)
        let areDual = [dual.number, six.number, four.number].map(StreamSocket.isDualStack)
        #expect(areDual == [true, false, false])
    }

    @Test("returns the text of an error number, or the number if there is none")
    func reasons() {
        #expect(SystemError.reason(ECONNREFUSED) == "Connection refused")
        #expect(SystemError.reason(987_654) == "error 987654")
        #expect(SystemError("do it", code: EPERM).description == "cannot do it: Operation not permitted")
    }

    private func flags(of descriptor: Int32) throws -> (isBlocking: Bool, isInherited: Bool) {
        (fcntl(descriptor, F_GETFL) & O_NONBLOCK == 0, fcntl(descriptor, F_GETFD) & FD_CLOEXEC == 0)
    }

    private func waitUntilReadable(_ descriptor: Int32) throws {
        var events = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        try #require(poll(&events, 1, 5000) == 1)
    }
}
