/// A lock of the simulated process.
public final class Lock {
    private let world = World.current
    private var owner: Fiber?
    private var waiting: [Fiber] = []
    /// How many locks are alive: zero when all that the server has made is gone.
    public static nonisolated(unsafe) var count = 0

    private let process = Scheduler.process
    public init() { Self.count += 1 }
    deinit { if process == Scheduler.process { Self.count -= 1 } }

    public func take() {
        let scheduler = world.scheduler
        guard let fiber = scheduler.current else { return }
        scheduler.preempt()
        if owner === fiber { return world.fail("a thread waits for a lock that it holds") }
        while owner != nil {
            waiting.append(fiber)
            world.count("waits for a lock")
            scheduler.block("a lock")
            waiting.removeAll { $0 === fiber }
        }
        owner = fiber
        fiber.locksHeld += 1
    }

    public func tryToTake() -> Bool {
        guard let fiber = world.scheduler.current else { return true }
        if owner === fiber {
            world.fail("a thread tries a lock that it holds")
            return false
        }
        guard owner == nil else {
            world.count("locks not available")
            return false
        }
        owner = fiber
        fiber.locksHeld += 1
        return true
    }

    public func leave() {
        guard let fiber = owner else { return }
        fiber.locksHeld -= 1
        owner = nil
        let woken = waiting
        waiting = []
        for fiber in woken { world.scheduler.wake(fiber) }
    }
}
