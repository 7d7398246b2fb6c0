import Glibc

/// A read source of libdispatch, with its semantics: an event makes one call of its handler on its queue, and the next
/// event is looked for when that has returned; while it is suspended nothing is called; once it is cancelled, and not
/// suspended, its cancel handler is called and the descriptor is not watched any more.
public final class ReadSource: Watcher, CustomStringConvertible {
    private let world: World
    private let number: Int32
    private let file: File?
    private let queue: WorkQueue
    public var eventHandler: (() -> Void)?
    public var cancelHandler: (() -> Void)?
    private var isActive = false
    private var isRegistered = false
    private var suspensions = 0
    private var isCancelled = false
    private var isCancelHandled = false
    /// An event was seen, and its handler was not called yet.
    private var isPending = false
    private var isQueued = false
    private var isRunning = false
    private var isUnwatched = false
    /// How many sources are alive.
    public static nonisolated(unsafe) var count = 0
    private var own: ReadSource?

    public init(_ number: Int32, _ queue: WorkQueue) {
        world = World.current
        self.number = number
        self.queue = queue
        file = world.kernel.file(number, "a read source")
        Self.count += 1
    }

    private let process = Scheduler.process

    deinit {
        guard process == Scheduler.process else { return }
        Self.count -= 1
        if suspensions > 0 {
            world.fail("\(description) is released while it is suspended: libdispatch traps")
        }
        if !isActive { world.fail("\(description) is released before it was activated: libdispatch traps") }
    }

    public var description: String { "the source of \(file.map { $0.name } ?? "\(number)")" }

    public func activate() {
        world.kernel.enter()
        world.trace("activate \(description)")
        activateNow()
    }

    private func activateNow() {
        guard !isActive else { return }
        isActive = true
        own = self
        proceed()
    }

    public func suspend() {
        world.kernel.enter()
        world.trace("suspend \(description)")
        suspensions += 1
        // The event that libdispatch has armed may still come: it is called later, perhaps for nothing.
        if isRegistered, !isPending, !isUnwatched, world.random.oneIn(8) { isPending = true }
    }

    public func resume() {
        world.kernel.enter()
        world.trace("resume \(description)")
        if !isActive { return activateNow() }
        guard suspensions > 0 else {
            return world.fail("\(description) is resumed, but not suspended: libdispatch traps")
        }
        suspensions -= 1
        proceed()
    }

    public func cancel() {
        world.kernel.enter()
        world.trace("cancel \(description)")
        guard !isCancelled else { return }
        isCancelled = true
        isPending = false
        proceed()
    }

    public func changed(_ file: File) { look() }

    private func proceed() {
        guard isActive, suspensions == 0, !isCancelHandled else { return }
        if isCancelled {
            guard !isQueued, !isRunning else { return }
            isCancelHandled = true
            unregister()
            world.scheduler.enqueue(queue) { [self] in
                cancelHandler?()
                cancelHandler = nil
                eventHandler = nil
                own = nil
            }
            return
        }
        if !isRegistered { register() }
        isPending ? enqueue() : look()
    }

    private func register() {
        isRegistered = true
        guard let file else { return }
        if file.number != number || !file.isOpen {
            world.fail("\(description) is activated after its descriptor was closed")
        }
        // On its manager's thread, a little later than the call.
        if world.shouldFail(), file is ClientSocket || file is ListeningFile {
            isUnwatched = true
            world.kernel.unwatchable.append((number, ENOMEM))
            (file as? ClientSocket)?.account.noteUnwatched()
            (file as? ListeningFile)?.hadFault = true
            world.trace("\(description) cannot be watched")
            // Then the sweep may find the failure while this thread still holds the lock of the connection.
            if world.random.oneIn(2) { world.standStill(for: .milliseconds(600)) }
            return
        }
        file.watch(self)
    }

    private func unregister() {
        if isRegistered, !isUnwatched { file?.unwatch(self) }
    }

    /// Looks for an event, unless one is being dealt with.
    private func look() {
        guard isActive, isRegistered, !isUnwatched, !isCancelled, !isPending, !isQueued, !isRunning, let file
        else { return }
        guard !file.nowReady.intersection([.input, .error, .hangup]).isEmpty else { return }
        if suspensions > 0 {
            // It is looked for again after the last resume.
            return
        }
        isPending = true
        enqueue()
    }

    /// Reports an event although there is none.
    public func reportFalseEvent() {
        guard isActive, isRegistered, !isUnwatched, !isCancelled, !isPending, !isQueued, !isRunning,
            suspensions == 0
        else { return }
        isPending = true
        enqueue()
    }

    private func enqueue() {
        guard !isQueued, !isRunning else { return }
        isQueued = true
        world.scheduler.enqueue(queue) { [self] in
            isQueued = false
            guard isPending, !isCancelled, suspensions == 0 else { return proceed() }
            isPending = false
            isRunning = true
            eventHandler?()
            isRunning = false
            proceed()
        }
    }
}
