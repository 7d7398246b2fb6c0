import CLoad
import Glibc

/// An epoll instance with a buffer for its events. Level-triggered. The caller chooses the tokens.
final class Poller {
    private let descriptor: Int32
    private let events: UnsafeMutableBufferPointer<epoll_event>

    init() throws(Failure) {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        if descriptor < 0 { throw Failure("epoll_create1", errno) }
        events = .allocate(capacity: 512)
        events.initialize(repeating: epoll_event())
    }

    deinit {
        close(descriptor)
        events.deallocate()
    }

    func add(_ socket: Int32, token: Int) throws(Failure) {
        try control(EPOLL_CTL_ADD, socket, token, writable: false)
    }

    func modify(_ socket: Int32, token: Int, writable: Bool) throws(Failure) {
        try control(EPOLL_CTL_MOD, socket, token, writable: writable)
    }

    private func control(_ operation: Int32, _ socket: Int32, _ token: Int, writable: Bool) throws(Failure) {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue | (writable ? EPOLLOUT.rawValue : 0)
        event.data.u64 = UInt64(token)
        if epoll_ctl(descriptor, operation, socket, &event) < 0 { throw Failure("epoll_ctl", errno) }
    }

    /// Waits until a socket is ready or the deadline is reached.
    ///
    /// - Returns: The number of events; `token(_:)` returns the token of each.
    func wait(until deadline: Instant) -> Int {
        let instant = now()
        let timeout = deadline > instant ? Int64(deadline - instant) : 0
        return max(0, Int(cload_wait(descriptor, events.baseAddress, Int32(events.count), timeout)))
    }

    func token(_ index: Int) -> Int { Int(events[index].data.u64) }
}
