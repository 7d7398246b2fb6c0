import CFibers
import Glibc

/// Nanoseconds of virtual time.
public typealias Nanoseconds = UInt64

extension Nanoseconds {
    public static func milliseconds(_ count: Int) -> Nanoseconds { Nanoseconds(count) * 1_000_000 }
}

/// A thread of the simulated process. All of them are fibers of one real thread, and exactly one runs at a time.
public final class Fiber {
    fileprivate var handle: OpaquePointer?
    fileprivate var body: (() -> Void)?
    /// Whether its body has returned and what it referred to is released. The release may make calls, too.
    fileprivate var isFinished = false
    public fileprivate(set) var name = ""
    /// Why it does not run.
    public fileprivate(set) var waitsFor = ""
    fileprivate var isReady = false
    fileprivate var savedErrno: Int32 = 0
    /// Processor time that it has used.
    var processorTime: Nanoseconds = 0
    var lastProcessorReading: Nanoseconds = 0
    /// Its first clock reading in this work item, or since its last wait for events.
    var clockReading: Nanoseconds?
    /// How many locks it holds.
    var locksHeld = 0
    fileprivate var blockCount: UInt64 = 0

    fileprivate init() {}
}

/// A queue of libdispatch: starts its items in order, as many at once as it is wide.
public final class WorkQueue {
    public let label: String
    let width: Int
    fileprivate var items: [() -> Void] = []
    fileprivate var next = 0
    fileprivate var running = 0
    fileprivate var isListed = false
    fileprivate let process = Scheduler.process

    public init(label: String, width: Int) {
        self.label = label
        self.width = width
    }

    fileprivate var canStart: Bool { next < items.count && running < width }
}

/// A call that is made at a time.
private struct Event {
    let time: Nanoseconds
    let order: UInt64
    let body: () -> Void

    static func isBefore(_ one: Event, _ other: Event) -> Bool {
        one.time != other.time ? one.time < other.time : one.order < other.order
    }
}

/// Decides which thread runs next, and what time it is.
public final class Scheduler {
    public private(set) var now: Nanoseconds = 1_000_000_000_000
    /// How many steps were made: turns of fibers and events.
    public private(set) var steps = 0
    public private(set) var current: Fiber?
    /// One in so many chances to lose the processor is taken; 0 for never.
    public var preemptsOneIn = 0
    /// Called before time advances because no thread can run.
    public var whenIdle: () -> Void = {}
    private let random: () -> UInt64
    private var ready: [Fiber] = []
    private var startable: [WorkQueue] = []
    private var events: [Event] = []
    private var order: UInt64 = 0
    private var live: [ObjectIdentifier: Fiber] = [:]

    private static nonisolated(unsafe) let thread = fiber_of_thread()
    private static nonisolated(unsafe) var pool: [Fiber] = []
    /// What the fiber that has just been switched to runs.
    fileprivate static nonisolated(unsafe) var scheduler: Scheduler?

    public init(random: @escaping () -> UInt64) { self.random = random }

    private func below(_ bound: Int) -> Int { bound <= 1 ? 0 : Int(random() % UInt64(bound)) }

    // MARK: - Called by threads

    /// Counts the processes that have ended.
    public private(set) static nonisolated(unsafe) var process = 0

    /// The process ends: none of its threads continues, and no item of its queues starts. The calling thread, which is the
    /// operator, continues.
    public func endProcess() {
        Self.process += 1
        for fiber in live.values where fiber !== current {
            // What its stack refers to is never released.
            fiber.isFinished = true
            fiber_free(fiber.handle)
            fiber.handle = nil
        }
        live = live.filter { $0.value === current }
        ready = []
        // Nor are the items that have not started.
        for queue in startable { _ = Unmanaged.passRetained(queue) }
        startable = []
    }

    /// Starts a thread.
    public func spawn(_ name: String, _ body: @escaping () -> Void) {
        let fiber = Self.pool.popLast() ?? Self.make()
        fiber.name = name
        fiber.body = body
        fiber.isFinished = false
        fiber.processorTime = 0
        fiber.locksHeld = 0
        fiber.clockReading = nil
        fiber.lastProcessorReading = now
        live[ObjectIdentifier(fiber)] = fiber
        fiber.isReady = true
        ready.append(fiber)
    }

    public func enqueue(_ queue: WorkQueue, _ body: @escaping () -> Void) {
        // A process that has ended starts nothing.
        guard queue.process == Self.process else { return }
        queue.items.append(body)
        list(queue)
    }

    /// Calls `body` at a time, outside of all threads.
    public func at(_ time: Nanoseconds, _ body: @escaping () -> Void) {
        order += 1
        events.append(Event(time: max(time, now), order: order, body: body))
        var child = events.count - 1
        while child > 0, case let parent = (child - 1) / 2, Event.isBefore(events[child], events[parent]) {
            events.swapAt(child, parent)
            child = parent
        }
    }

    public func after(_ delay: Nanoseconds, _ body: @escaping () -> Void) { at(now &+ delay, body) }

    /// Time that a call takes.
    public func spend(_ time: Nanoseconds) {
        now &+= time
        current?.processorTime &+= time
    }

    /// Lets time pass while no thread runs.
    public func jump(_ time: Nanoseconds) { now &+= time }

    /// The running thread may lose the processor here.
    public func preempt() {
        if preemptsOneIn > 0, random() % UInt64(preemptsOneIn) == 0 { yield() }
    }

    /// Whether the running thread holds a lock.
    public var holdsLock: Bool { (current?.locksHeld ?? 0) > 0 }

    /// The running thread, if any, lets others run.
    public func yield() {
        guard let fiber = current else { return }
        fiber.isReady = true
        ready.append(fiber)
        leave(fiber, "a processor")
    }

    /// The running thread waits until `wake`.
    public func block(_ reason: String) {
        guard let fiber = current else { fatalError("the scheduler itself cannot wait") }
        leave(fiber, reason)
    }

    /// A call too many is harmless: every waiting thread checks its condition again.
    public func wake(_ fiber: Fiber) {
        guard !fiber.isFinished, !fiber.isReady, fiber !== current else { return }
        fiber.isReady = true
        ready.append(fiber)
    }

    /// The running thread waits for a time, or until `wake`.
    public func block(_ reason: String, until time: Nanoseconds) {
        guard let fiber = current else { fatalError("the scheduler itself cannot wait") }
        let count = fiber.blockCount
        at(time) { [unowned self] in
            if fiber.blockCount == count { wake(fiber) }
        }
        leave(fiber, reason)
    }

    public func sleep(_ time: Nanoseconds) {
        let end = now &+ time
        while now < end { block("time", until: end) }
    }

    private func leave(_ fiber: Fiber, _ reason: String) {
        fiber.waitsFor = reason
        fiber.savedErrno = errno
        fiber_switch(fiber.handle, Self.thread)
        errno = fiber.savedErrno
        fiber.blockCount &+= 1
    }

    // MARK: - The loop

    /// Runs until `isOver`. False if nothing can happen any more before that.
    public func run(until isOver: () -> Bool) -> Bool {
        Self.scheduler = self
        while !isOver() {
            steps += 1
            if let event = events.first, event.time <= now {
                popEvent()
                event.body()
                continue
            }
            let choices = ready.count + startable.count
            guard choices > 0 else {
                whenIdle()
                if isOver() { break }
                if !ready.isEmpty || !startable.isEmpty { continue }
                guard let event = events.first else { return false }
                now = max(now, event.time)
                continue
            }
            let choice = below(choices)
            if choice < ready.count {
                ready.swapAt(choice, ready.count - 1)
                resume(ready.removeLast())
            } else {
                start(startable[choice - ready.count])
            }
        }
        return true
    }

    /// The threads that there are, and what each waits for.
    public var threads: [String] { live.values.map { "\($0.name) waits for \($0.waitsFor)" }.sorted() }
    public var hasItems: Bool { !startable.isEmpty }

    private func popEvent() {
        events.swapAt(0, events.count - 1)
        events.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < events.count && Event.isBefore(events[child], events[least]) {
                least = child
            }
            guard least != parent else { return }
            events.swapAt(parent, least)
            parent = least
        }
    }

    private func list(_ queue: WorkQueue) {
        if queue.canStart {
            guard !queue.isListed else { return }
            queue.isListed = true
            startable.append(queue)
        } else if queue.isListed {
            queue.isListed = false
            startable.removeAll { $0 === queue }
        }
    }

    private func start(_ queue: WorkQueue) {
        let item = queue.items[queue.next]
        queue.items[queue.next] = {}
        queue.next += 1
        if queue.next == queue.items.count || queue.next >= 256 {
            queue.items.removeFirst(queue.next)
            queue.next = 0
        }
        queue.running += 1
        list(queue)
        spawn(queue.label) { [unowned self] in
            item()
            queue.running -= 1
            list(queue)
        }
        resume(ready.removeLast())
    }

    private func resume(_ fiber: Fiber) {
        fiber.isReady = false
        current = fiber
        fiber_switch(Self.thread, fiber.handle)
        current = nil
        if fiber.isFinished {
            live[ObjectIdentifier(fiber)] = nil
            Self.pool.append(fiber)
        }
    }

    private static func make() -> Fiber {
        let fiber = Fiber()
        fiber.handle = fiber_make(
            { argument in
                guard let argument else { return }
                let fiber = Unmanaged<Fiber>.fromOpaque(argument).takeUnretainedValue()
                while true { Scheduler.runBody(of: fiber) }
            },
            Unmanaged.passRetained(fiber).toOpaque()
        )
        return fiber
    }

    /// A function of its own, so that nothing of one body is kept while the next is awaited.
    @inline(never)
    private static func runBody(of fiber: Fiber) {
        callBody(of: fiber)
        fiber.isFinished = true
        fiber_switch(fiber.handle, thread)
    }

    @inline(never)
    private static func callBody(of fiber: Fiber) {
        let body = fiber.body
        fiber.body = nil
        body?()
    }
}
