import CLinux
import Dispatch
import Glibc
import Synchronization

/// Busy descriptors, served by one loop instead of one source each.
///
/// Every event of a source costs libdispatch two epoll_ctl, an ioctl, futexes and a hop to a worker thread: half of the
/// time that a short line takes. So a descriptor that is busy leaves its source for a private epoll instance, which one
/// work item of the clients' queue serves in a loop, and goes back to its source when it has been quiet. Idle clients
/// cost nothing, busy ones never pay for the hop.
///
/// - The loop is a work item of its own, no owner's handler: that owner could never be cancelled.
/// - It ends now and then and queues itself again, on a single core every few milliseconds, so that whatever else waits
///   on the queue (cold clients, the watchdog's probe) has its turn.
/// - It waits without a timeout, and a timer in the epoll instance wakes it for the review: a timeout would be set and
///   cleared in the kernel at every wait, which on a virtual machine costs as much as the answer to a short line.
/// - Each owner reads one buffer at most per turn, so a flood from one is a bounded wait for the others.
/// - An event names its owner by address. The roster keeps the owner alive; only the loop takes owners out of the
///   roster, between two batches of events, so an address in a batch is always good. An owner that has left meanwhile
///   is called once too often and knows it.
final class HotSet: Sendable {
    /// Two events of a source within this time make its owner busy.
    private static let busyTime: Milliseconds = 5
    /// So many events of all sources within a window make every owner busy.
    private static let crowd = 64
    private static let crowdWindow: Milliseconds = 20
    private static let reviewTime: Milliseconds = 15
    private static let batch = 256

    private struct Roster {
        var owners: [DescriptorOwner] = []
        var isRunning = false
        var nextReview: Milliseconds = 0
        /// Events of sources in the current window of `crowdWindow`, and in the one before.
        var window: Milliseconds = 0
        var events = 0
        var eventsBefore = 0
    }

    private let epoll: Int32
    /// Ticks while the loop runs; its event names no owner.
    private let timer: Int32
    private let sliceTime: Milliseconds
    private let queue: DispatchQueue
    private let scratch: ScratchPool
    private let roster = Mutex(Roster())

    /// Nil when the system has no epoll instance to give.
    init?(queue: DispatchQueue, scratch: ScratchPool) {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        timer = timerfd_create(CLOCK_MONOTONIC, Int32(TFD_CLOEXEC) | Int32(TFD_NONBLOCK))
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        guard epoll >= 0, timer >= 0, epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) == 0 else {
            close(epoll)
            close(timer)
            return nil
        }
        self.queue = queue
        self.scratch = scratch
        // With a second worker at hand nobody waits for this one, and to queue anew costs a hop.
        sliceTime = sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1 ? 250 : 4
    }

    deinit {
        close(timer)
        close(epoll)
    }

    /// Whether an owner whose source has had an event had better move here: it had one just before, or the sources
    /// together have so many that the loop is cheaper for all of them.
    func invites(lastEvent: Milliseconds, now: Milliseconds) -> Bool {
        if now &- lastEvent <= Self.busyTime { return true }
        return roster.withLock { roster in
            let window = now / Self.crowdWindow
            if window != roster.window {
                roster.eventsBefore = window == roster.window + 1 ? roster.events : 0
                roster.events = 0
                roster.window = window
            }
            roster.events += 1
            return roster.eventsBefore >= Self.crowd
        }
    }

    /// How long an owner must be quiet to be sent back to its source. Among many each has its turn less often.
    private static func quietTime(among count: Int) -> Milliseconds {
        min(max(30, Milliseconds(count) / 16), 500)
    }

    /// Watches the owner's descriptor for input; false if the system refuses.
    func add(_ owner: DescriptorOwner) -> Bool {
        // In the roster first: from the next line on an event may name the owner.
        let mustStart = roster.withLock { roster in
            roster.owners.append(owner)
            guard !roster.isRunning else { return false }
            roster.isRunning = true
            tick(every: Self.reviewTime)
            return true
        }
        let isWatched = control(EPOLL_CTL_ADD, owner, EPOLLIN)
        if mustStart { queue.async { self.run() } }
        return isWatched
    }

    /// Watches for other events; called with the owner's lock held.
    func change(_ owner: DescriptorOwner, to events: EPOLL_EVENTS) {
        _ = control(EPOLL_CTL_MOD, owner, events)
    }

    /// Watches no more; called with the owner's lock held. The roster forgets the owner at the next review.
    func remove(_ owner: DescriptorOwner) {
        _ = control(EPOLL_CTL_DEL, owner, EPOLLIN)
    }

    private func control(_ operation: Int32, _ owner: DescriptorOwner, _ events: EPOLL_EVENTS) -> Bool {
        var event = epoll_event()
        event.events = events.rawValue
        event.data.ptr = Unmanaged.passUnretained(owner).toOpaque()
        return epoll_ctl(epoll, operation, owner.descriptor, &event) == 0
    }

    /// One slice of the loop.
    private func run() {
        var isEmpty = false
        scratch.withBuffer { buffer in
            withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: Self.batch) { events in
                isEmpty = serve(events, buffer)
            }
        }
        if !isEmpty { queue.async { self.run() } }
    }

    /// Sets the timer, with the roster's lock held; 0 stops it.
    private func tick(every interval: Milliseconds) {
        let time = timespec(tv_sec: 0, tv_nsec: Int(interval) * 1_000_000)
        var setting = itimerspec(it_interval: time, it_value: time)
        timerfd_settime(timer, 0, &setting, nil)
    }

    /// Takes the timer's event, so that it can come again.
    private func takeTick() {
        var expirations: UInt64 = 0
        _ = read(timer, &expirations, MemoryLayout<UInt64>.size)
    }

    /// Serves events until the slice is over; true when nobody is left.
    private func serve(
        _ events: UnsafeMutableBufferPointer<epoll_event>,
        _ buffer: UnsafeMutableRawBufferPointer
    ) -> Bool {
        let end = Clock.now() + sliceTime
        var now: Milliseconds
        repeat {
            // epoll_pwait, not epoll_wait: the guard is libdispatch's, here HUP and ERR wake their owner as they are.
            let count = epoll_pwait(epoll, events.baseAddress, Int32(Self.batch), -1, nil)
            now = Clock.now()
            for index in 0..<max(0, Int(count)) {
                guard let address = events[index].data.ptr else {
                    takeTick()
                    continue
                }
                Unmanaged<DescriptorOwner>.fromOpaque(address)._withUnsafeGuaranteedRef {
                    $0.isReady(scratch: buffer, now: now)
                }
            }
            if review(now) { return true }
        } while now < end
        return false
    }

    /// Now and then lets the quiet leave and forgets those who have left; true when nobody is left.
    private func review(_ now: Milliseconds) -> Bool {
        let owners: [DescriptorOwner]? = roster.withLock { roster in
            guard now >= roster.nextReview else { return nil }
            roster.nextReview = now + Self.reviewTime
            return roster.owners
        }
        guard let owners else { return false }
        // Not under the roster's lock: an owner's lock comes first. An owner that comes back meanwhile is appended
        // anew behind these, and that entry stays.
        let quietSince = now &- Self.quietTime(among: owners.count)
        let stays = owners.map { !$0.leaveHotSetIfQuiet(since: quietSince) }
        return roster.withLock { roster in
            if stays.contains(false) {
                let newcomers = roster.owners[owners.count...]
                roster.owners = zip(owners, stays).compactMap { $1 ? $0 : nil } + newcomers
            }
            guard roster.owners.isEmpty else { return false }
            roster.isRunning = false
            tick(every: 0)
            return true
        }
    }
}
