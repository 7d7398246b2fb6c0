import CLinux
import Glibc
import Sockets

/// An epoll instance (epoll(7)) and its timer.
struct Epoll: ~Copyable, Sendable {
    /// The token of the timer's events. No descriptor has it.
    static let timerToken = UInt64.max

    private let descriptor: Descriptor
    private let timer: Descriptor

    /// - Throws: `LoopError` if the system cannot create an epoll instance or a timer.
    init() throws(LoopError) {
        let epoll = try Self.own(linux_epoll_create())
        let timer = try Self.own(linux_timerfd_create())
        let code = Self.control(epoll.number, EPOLL_CTL_ADD, timer.number, Self.timerToken, EPOLLIN)
        if code != 0 { throw LoopError(code: code) }
        descriptor = epoll
        self.timer = timer
    }

    private static func own(_ descriptor: Int32) throws(LoopError) -> Descriptor {
        guard descriptor >= 0 else { throw LoopError(code: errno) }
        return Descriptor(owning: descriptor)
    }

    /// Adds, changes or removes a descriptor (epoll_ctl(2)). Returns 0, or an `errno`.
    ///
    /// - Parameter token: Identifies its events.
    func control(
        _ operation: Int32,
        _ descriptor: Int32,
        token: UInt64,
        for events: EPOLL_EVENTS
    ) -> Int32 {
        Self.control(self.descriptor.number, operation, descriptor, token, events)
    }

    private static func control(
        _ epoll: Int32,
        _ operation: Int32,
        _ descriptor: Int32,
        _ token: UInt64,
        _ events: EPOLL_EVENTS
    ) -> Int32 {
        var event = unsafe epoll_event()
        unsafe event.events = events.rawValue
        unsafe event.data.u64 = token
        return unsafe linux_epoll_ctl(epoll, operation, descriptor, &event) == 0 ? 0 : errno
    }

    /// Waits for events, without a timeout. Returns 0, or an `errno`.
    ///
    /// - Parameter blocks: False to take only the events that are there.
    func wait(_ events: inout Events, blocks: Bool) -> Int32 {
        // epoll_pwait: the guard changes epoll_wait for libdispatch, but here HUP and ERR must wake the member.
        let count = unsafe epoll_pwait(
            descriptor.number,
            events.memory.baseAddress,
            Int32(events.capacity),
            blocks ? -1 : 0,
            nil
        )
        events.count = max(0, Int(count))
        return count < 0 ? errno : 0
    }

    /// Sets the timer; 0 stops it.
    func tick(every interval: Milliseconds) {
        let time = timespec(tv_sec: 0, tv_nsec: Int(interval) * 1_000_000)
        var setting = itimerspec(it_interval: time, it_value: time)
        unsafe timerfd_settime(timer.number, 0, &setting, nil)
    }

    /// Clears an event of the timer. False if that fails; then setting the timer clears it, too.
    func clearTick() -> Bool {
        var expirations: UInt64 = 0
        return unsafe read(timer.number, &expirations, MemoryLayout<UInt64>.size) >= 0
    }

    /// Memory for the events of one wait.
    @safe
    struct Events: ~Copyable {
        fileprivate let memory: UnsafeMutableBufferPointer<epoll_event>
        fileprivate let capacity: Int
        fileprivate(set) var count = 0

        init(capacity: Int) {
            self.capacity = capacity
            unsafe memory = .allocate(capacity: capacity)
        }

        deinit { unsafe memory.deallocate() }

        /// The token of an event.
        subscript(index: Int) -> UInt64 {
            // Bounds: the kernel has written `count` events.
            precondition(index < count)
            return unsafe memory[index].data.u64
        }
    }
}

/// The system cannot create another hot loop; `code` is the `errno`.
struct LoopError: Error {
    let code: Int32
}
