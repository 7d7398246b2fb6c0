import CLoad
import Glibc

/// An epoll instance and room for what it reports. Level-triggered; tokens are the caller's.
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

    /// Waits until something is ready or `deadline` has come.
    ///
    /// - Returns: How many events there are to ask for.
    func wait(until deadline: Instant) -> Int {
        let instant = now()
        let patience = deadline > instant ? Int64(deadline - instant) : 0
        return max(0, Int(cload_wait(descriptor, events.baseAddress, Int32(events.count), patience)))
    }

    func token(_ index: Int) -> Int { Int(events[index].data.u64) }
}
