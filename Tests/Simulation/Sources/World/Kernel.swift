import CLinux
import Glibc

/// What poll(2) and epoll(7) report about a file.
public struct Readiness: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static let input = Readiness(rawValue: 0x1)
    public static let output = Readiness(rawValue: 0x4)
    public static let error = Readiness(rawValue: 0x8)
    public static let hangup = Readiness(rawValue: 0x10)
}

/// An object that is called when a file's readiness changes.
public protocol Watcher: AnyObject {
    func changed(_ file: File)
}

/// An open file description (open(2)).
open class File {
    public unowned let world: World
    public internal(set) var number: Int32 = -1
    /// How many references there are: descriptors, messages under way, the service manager.
    private var references = 0
    private(set) var watchers: [Watcher] = []

    var isOpen: Bool { references > 0 }
    var isShared: Bool { references > 1 }

    init(_ world: World) { self.world = world }

    var kind: String { "file" }
    var readiness: Readiness { [] }
    func closed() {}

    /// Whether it was ever watched. A listener that a failed reload closes again never was.
    public private(set) var wasWatched = false
    public func watch(_ watcher: Watcher) {
        wasWatched = true
        watchers.append(watcher)
    }
    public func unwatch(_ watcher: Watcher) {
        if let index = watchers.firstIndex(where: { $0 === watcher }) { watchers.remove(at: index) }
    }
    func hold() { references += 1 }
    /// Closes it with its last reference.
    public func letGo() {
        references -= 1
        if references == 0 { closed() }
    }
    /// The process that watched it is gone.
    func forgetWatchers() { watchers = [] }
    func changed() { for watcher in watchers { watcher.changed(self) } }
    public var nowReady: Readiness { readiness }
    var name: String { "\(kind) \(number)" }
}

/// The descriptor table, the paths, and the failures of calls.
public final class Kernel {
    unowned let world: World
    private var files: [File?] = []
    private var lowestFree = 3
    public internal(set) var open = 0
    var limit = rlimit(rlim_cur: 1024, rlim_max: 1024)
    /// Unix sockets' files, and other entries of the one directory.
    var paths: [String: (inode: UInt64, isSocket: Bool, mode: UInt32)] = [:]
    private var nextInode: UInt64 = 1
    func takeInode() -> UInt64 {
        nextInode += 1
        return nextInode
    }
    public internal(set) var listeners: [ListeningFile] = []
    var nextPort: UInt16 = 40000
    /// Descriptors that libdispatch could not watch, as the guard reports them.
    public var unwatchable: [(descriptor: Int32, code: Int32)] = []

    init(_ world: World) { self.world = world }

    public func setLimit(soft: Int, hard: Int) {
        limit = rlimit(rlim_cur: rlim_t(soft), rlim_max: rlim_t(hard))
    }

    // MARK: - Descriptors

    /// The file of a descriptor. The caller must have it open.
    public func file(_ number: Int32, _ call: String) -> File? {
        guard number >= 0, number < files.count, let file = files[Int(number)] else {
            world.fail("\(call) on descriptor \(number), which is not open")
            errno = EBADF
            return nil
        }
        return file
    }

    func isOpen(_ number: Int32) -> Bool {
        number >= 0 && number <= 2 || number > 2 && number < files.count && files[Int(number)] != nil
    }

    func peek(_ number: Int32) -> File? {
        number >= 0 && number < files.count ? files[Int(number)] : nil
    }

    public var openNames: String { openFiles.map(\.name).joined(separator: ", ") }
    var openFiles: [File] { files.compactMap { $0 } }

    /// Opens the lowest free number, -1 where the table is full.
    public func install(_ file: File) -> Int32 {
        var number = lowestFree
        while number < files.count, files[number] != nil { number += 1 }
        guard number < Int(limit.rlim_cur) else {
            errno = EMFILE
            return -1
        }
        while files.count <= number { files.append(nil) }
        files[number] = file
        lowestFree = number + 1
        file.number = Int32(number)
        file.hold()
        open += 1
        return Int32(number)
    }

    public func close(_ number: Int32) -> Int32 {
        guard let file = file(number, "close") else { return -1 }
        world.trace("close(\(file.name))")
        for watcher in file.watchers {
            // Only of a socket may somebody else hold a duplicate, so that the kernel goes on watching it.
            if file is TimerFile, let epoll = watcher as? EpollFile {
                epoll.forget(file)
                continue
            }
            world.fail("close of \(file.name), which \(watcher) still watches")
        }
        files[Int(number)] = nil
        lowestFree = min(lowestFree, Int(number))
        open -= 1
        file.letGo()
        return 0
    }

    /// The process ends: the kernel closes all of its descriptors.
    public func endProcess() {
        let files = openFiles
        world.scheduler.current?.clockReading = nil
        self.files = []
        lowestFree = 3
        open = 0
        unwatchable = []
        for file in files {
            file.forgetWatchers()
            (file as? EpollFile)?.forgetAll()
        }
        for file in files { file.letGo() }
    }

    // MARK: - Every call

    /// Every system call begins with this: time passes, and the thread may lose the processor.
    public func enter() {
        let scheduler = world.scheduler
        scheduler.spend(world.random.next() % max(1, world.conditions.callTime) + 50)
        scheduler.preempt()
    }

    /// One of these errors, or nil if the call succeeds.
    func failure(_ errors: [Int32]) -> Int32? {
        guard world.shouldFail() else { return nil }
        let code = world.random.pick(errors)
        errno = code
        world.count("failed calls")
        return code
    }
}

/// An eventfd that is readable, a directory.
final class PlainFile: File {
    private let isReadable: Bool
    init(_ world: World, isReadable: Bool) {
        self.isReadable = isReadable
        super.init(world)
    }
    override var readiness: Readiness { isReadable ? .input : [] }
}

/// A timerfd.
final class TimerFile: File {
    private(set) var expirations: UInt64 = 0
    private var setting = 0
    override var kind: String { "timer" }
    override var readiness: Readiness { expirations > 0 ? .input : [] }

    func set(first: Nanoseconds, interval: Nanoseconds) {
        setting += 1
        expirations = 0
        if first > 0 { arm(first, interval, setting) }
    }

    func take() -> UInt64 {
        defer { expirations = 0 }
        return expirations
    }

    private func arm(_ delay: Nanoseconds, _ interval: Nanoseconds, _ setting: Int) {
        world.scheduler.after(delay) { [weak self] in
            guard let self, isOpen, setting == self.setting else { return }
            expirations += 1
            changed()
            if interval > 0 { arm(interval, interval, setting) }
        }
    }
}

/// An epoll instance of the server's own.
final class EpollFile: File, Watcher {
    struct Interest {
        let file: File
        var events: Readiness
        var token: UInt64
    }

    private var interests: [Interest] = []
    private var waiting: Fiber?
    /// The error of every wait from now on.
    private var persistentFailure: Int32?
    private var failuresSince: Nanoseconds = 0
    private var failures = 0
    override var kind: String { "epoll" }

    func changed(_ file: File) {
        guard let waiting else { return }
        guard let interest = interests.first(where: { $0.file === file }) else { return }
        if !ready(interest).isEmpty { world.scheduler.wake(waiting) }
    }

    private func ready(_ interest: Interest) -> Readiness {
        interest.file.readiness.intersection(interest.events.union([.error, .hangup]))
    }

    func control(_ operation: Int32, _ file: File, _ event: UnsafeMutablePointer<epoll_event>?) -> Int32 {
        let index = interests.firstIndex { $0.file === file }
        let events = event.map { Readiness(rawValue: $0.pointee.events) } ?? []
        let token = event?.pointee.data.u64 ?? 0
        switch operation {
        case EPOLL_CTL_ADD:
            guard index == nil else {
                world.fail("\(file.name) is added twice to \(name)")
                errno = EEXIST
                return -1
            }
            if world.kernel.failure([ENOMEM, ENOSPC]) != nil {
                (file as? ClientSocket)?.account.noteFault("epoll_ctl")
                return -1
            }
            if persistentFailure != nil {
                (file as? ClientSocket)?.account.noteFault("a broken epoll instance")
            }
            interests.append(Interest(file: file, events: events, token: token))
            file.watch(self)
            changed(file)
        case EPOLL_CTL_MOD:
            guard let index else {
                world.fail("\(file.name) is changed, but not in \(name)")
                errno = ENOENT
                return -1
            }
            if world.kernel.failure([ENOMEM]) != nil {
                (file as? ClientSocket)?.account.noteFault("epoll_ctl")
                return -1
            }
            interests[index].events = events
            interests[index].token = token
            changed(file)
        default:
            guard let index else {
                world.fail("\(file.name) is removed, but not in \(name)")
                errno = ENOENT
                return -1
            }
            interests.remove(at: index)
            file.unwatch(self)
            world.whenLeavingLoop()
        }
        return 0
    }

    func wait(_ events: UnsafeMutablePointer<epoll_event>, _ most: Int, timeout: Int32) -> Int32 {
        if persistentFailure == nil, world.conditions.failsOneIn > 0,
            world.random.oneIn(world.conditions.failsOneIn * 20)
        {
            persistentFailure = EINVAL
            for interest in interests {
                (interest.file as? ClientSocket)?.account.noteFault("a broken epoll instance")
            }
            world.count("broken epoll instances")
        }
        if let persistentFailure {
            if world.now > failuresSince + .milliseconds(50) {
                failuresSince = world.now
                failures = 0
            }
            failures += 1
            // A loop that notices it tries three times for each connection, then waits.
            if failures == 500 { world.fail("\(name) is broken, and waited for 500 times in 50 ms") }
            if failures > 500 { world.scheduler.block("a broken epoll instance") }
            errno = persistentFailure
            world.judge.noteFutileCall()
            return -1
        }
        if world.kernel.failure([EINTR]) != nil { return -1 }
        var count = 0
        let deadline = timeout < 0 ? Nanoseconds.max : world.now + .milliseconds(Int(timeout))
        while true {
            var order = Array(interests.indices)
            order.shuffle(using: &world.random)
            let isFalseEvent = world.random.oneIn(world.conditions.falseEventsOneIn)
            for index in order where count < most {
                var found = ready(interests[index])
                if found.isEmpty {
                    guard isFalseEvent, count == 0, interests[index].file is ClientSocket else { continue }
                    found = interests[index].events
                } else if order.count > 1, world.random.oneIn(16), count > 0 {
                    continue
                }
                events[count].events = found.rawValue
                events[count].data.u64 = interests[index].token
                count += 1
            }
            if count > 0 || world.now >= deadline { break }
            waiting = world.scheduler.current
            if deadline == .max {
                world.scheduler.block("epoll_pwait(\(name))")
            } else {
                world.scheduler.block("epoll_pwait(\(name))", until: deadline)
            }
            waiting = nil
            if !isOpen {
                world.fail("\(name) is closed while a thread waits for it")
                errno = EBADF
                return -1
            }
        }
        if count == 0 { world.judge.noteFutileCall() }
        return Int32(count)
    }

    func forgetAll() { interests = [] }

    func forget(_ file: File) {
        interests.removeAll { $0.file === file }
        file.unwatch(self)
    }

    override func closed() {
        for interest in interests where interest.file.isOpen {
            interest.file.unwatch(self)
            if interest.file is ClientSocket {
                world.fail("\(name) is closed with \(interest.file.name) in it")
            }
        }
        interests = []
    }

    var hasMembers: Bool { interests.contains { $0.file is ClientSocket } }
    func watches(_ file: File) -> Bool { persistentFailure == nil && interests.contains { $0.file === file } }
}
