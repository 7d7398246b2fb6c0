import World

// As much of Dispatch as the engine uses, on the simulated scheduler.

public struct DispatchTime: Comparable, Sendable {
    var time: Nanoseconds
    public static func now() -> DispatchTime { DispatchTime(time: World.current.now) }
    public static var distantFuture: DispatchTime { DispatchTime(time: .max) }
    public var uptimeNanoseconds: UInt64 { time }
    public static func < (one: DispatchTime, other: DispatchTime) -> Bool { one.time < other.time }
    public static func + (time: DispatchTime, interval: DispatchTimeInterval) -> DispatchTime {
        DispatchTime(time: time.time &+ interval.nanoseconds)
    }
    public static func + (time: DispatchTime, seconds: Double) -> DispatchTime {
        DispatchTime(time: time.time &+ Nanoseconds(seconds * 1e9))
    }
}

public enum DispatchTimeInterval: Equatable, Sendable {
    case seconds(Int), milliseconds(Int), microseconds(Int), nanoseconds(Int), never

    var nanoseconds: Nanoseconds {
        func times(_ count: Int, _ unit: Nanoseconds) -> Nanoseconds {
            let product = Nanoseconds(max(0, count)).multipliedReportingOverflow(by: unit)
            return product.overflow ? 1 << 62 : min(product.partialValue, 1 << 62)
        }
        return switch self {
        case .seconds(let count): times(count, 1_000_000_000)
        case .milliseconds(let count): times(count, 1_000_000)
        case .microseconds(let count): times(count, 1000)
        case .nanoseconds(let count): times(count, 1)
        case .never: 1 << 62
        }
    }
}

public enum DispatchTimeoutResult: Equatable, Sendable { case success, timedOut }

open class DispatchObject: @unchecked Sendable {
    init() {}
}

public final class DispatchQueue: DispatchObject, @unchecked Sendable {
    public struct Attributes: OptionSet, Sendable {
        public let rawValue: UInt64
        public init(rawValue: UInt64) { self.rawValue = rawValue }
        public static let concurrent = Attributes(rawValue: 1)
    }

    let queue: WorkQueue
    public var label: String { queue.label }

    public init(label: String, attributes: Attributes = []) {
        let width = attributes.contains(.concurrent) ? World.current.conditions.threads : 1
        queue = WorkQueue(label: label, width: width)
    }

    public func async(execute body: @escaping @Sendable () -> Void) {
        World.current.kernel.enter()
        World.current.scheduler.enqueue(queue, body)
    }

    public func asyncAfter(deadline: DispatchTime, execute body: @escaping @Sendable () -> Void) {
        let world = World.current
        let scheduler = world.scheduler
        scheduler.at(deadline.time) { [queue] in scheduler.enqueue(queue, body) }
        // After a stall the item may run while the caller still holds its lock.
        if world.conditions.stallsOneIn > 0, scheduler.holdsLock, deadline.time > scheduler.now,
            world.random.oneIn(16)
        {
            world.standStill(for: min(deadline.time - scheduler.now, .milliseconds(1000)) + 1)
        }
    }
}

public final class DispatchSemaphore: DispatchObject, @unchecked Sendable {
    private var value: Int
    private var waiting: [Fiber] = []

    public init(value: Int) { self.value = value }

    @discardableResult
    public func signal() -> Int {
        value += 1
        let woken = waiting
        waiting = []
        for fiber in woken { World.current.scheduler.wake(fiber) }
        return woken.count
    }

    public func wait(timeout: DispatchTime) -> DispatchTimeoutResult {
        let scheduler = World.current.scheduler
        while value <= 0 {
            guard scheduler.now < timeout.time, let fiber = scheduler.current else { return .timedOut }
            waiting.append(fiber)
            scheduler.block("a semaphore", until: timeout.time)
            waiting.removeAll { $0 === fiber }
        }
        value -= 1
        return .success
    }
}

public final class DispatchGroup: DispatchObject, @unchecked Sendable {
    public override init() {}
    public func enter() {}
    public func leave() {}
    public func wait(timeout: DispatchTime) -> DispatchTimeoutResult { .success }
}

public typealias DispatchSourceHandler = @Sendable () -> Void

public protocol DispatchSourceProtocol: AnyObject, Sendable {
    func setEventHandler(handler: DispatchSourceHandler?)
    func setCancelHandler(handler: DispatchSourceHandler?)
    func setRegistrationHandler(handler: DispatchSourceHandler?)
    func activate()
    func suspend()
    func resume()
    func cancel()
}
public protocol DispatchSourceRead: DispatchSourceProtocol {}
public protocol DispatchSourceSignal: DispatchSourceProtocol {}

public final class DispatchSource: DispatchObject, DispatchSourceRead, DispatchSourceSignal,
    @unchecked Sendable
{
    private let source: ReadSource

    private init(_ source: ReadSource) { self.source = source }

    public static func makeReadSource(fileDescriptor: Int32, queue: DispatchQueue? = nil)
        -> any DispatchSourceRead
    {
        guard let queue else { fatalError("the engine names the queue of every source") }
        return DispatchSource(ReadSource(fileDescriptor, queue.queue))
    }

    public static func makeSignalSource(signal: Int32, queue: DispatchQueue? = nil)
        -> any DispatchSourceSignal
    {
        fatalError("there are no signals here")
    }

    public func setEventHandler(handler: DispatchSourceHandler?) { source.eventHandler = handler }
    public func setCancelHandler(handler: DispatchSourceHandler?) { source.cancelHandler = handler }
    public func setRegistrationHandler(handler: DispatchSourceHandler?) {}
    public func activate() { source.activate() }
    public func suspend() { source.suspend() }
    public func resume() { source.resume() }
    public func cancel() { source.cancel() }
}
