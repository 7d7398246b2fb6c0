import Glibc

/// A file in memory.
final class MemoryFile: File {
    var contents: [UInt8] = []
    var isSealed = false
    let inode: UInt64
    override var kind: String { "memory" }

    override init(_ world: World) {
        inode = world.kernel.takeInode()
        super.init(world)
    }
}

/// One end of a pair of sockets that keep messages apart, each with its bytes and the files that it keeps open.
final class PairFile: File {
    fileprivate(set) var other: PairFile?
    private var messages: [(bytes: [UInt8], files: [File])] = []
    override var kind: String { "pair" }
    override var readiness: Readiness { other == nil ? [.hangup] : messages.isEmpty ? [] : .input }

    /// Every connection under way to this end.
    var clients: [ClientSocket] { messages.flatMap { $0.files.compactMap { $0 as? ClientSocket } } }

    func put(_ bytes: [UInt8], _ files: [File]) {
        for file in files { file.hold() }
        messages.append((bytes, files))
        changed()
    }

    func take() -> (bytes: [UInt8], files: [File])? { messages.isEmpty ? nil : messages.removeFirst() }

    override func closed() {
        let lost = messages
        messages = []
        other?.other = nil
        other?.changed()
        other = nil
        for message in lost { message.files.forEach { $0.letGo() } }
    }
}

extension Kernel {
    /// Another reference to an open file, beyond the table of descriptors: what the service manager keeps.
    public func hold(_ number: Int32) -> File? {
        guard let file = file(number, "the store's duplicate") else { return nil }
        file.hold()
        return file
    }
}

extension System {
    private static var world: World { World.current }
    private static var kernel: Kernel { world.kernel }

    // MARK: - Files in memory

    public static func makeMemoryFile() -> Int32 {
        kernel.enter()
        if kernel.failure([EMFILE, ENOMEM]) != nil { return -1 }
        return kernel.install(MemoryFile(world))
    }

    private static func memory(_ number: Int32, _ call: String) -> MemoryFile? {
        guard let file = kernel.file(number, call) else { return nil }
        if !(file is MemoryFile) { errno = EINVAL }
        return file as? MemoryFile
    }

    public static func write(_ number: Int32, _ bytes: UnsafeRawBufferPointer) -> Bool {
        kernel.enter()
        guard let file = memory(number, "write") else { return false }
        if kernel.failure([ENOSPC]) != nil { return false }
        if file.isSealed {
            errno = EPERM
            return false
        }
        file.contents += bytes
        return true
    }

    public static func seal(_ number: Int32) -> Int32 {
        kernel.enter()
        guard let file = memory(number, "fcntl") else { return -1 }
        if kernel.failure([EBUSY]) != nil { return -1 }
        file.isSealed = true
        return 0
    }

    public static func isSealed(_ number: Int32) -> Bool {
        kernel.enter()
        return memory(number, "fcntl")?.isSealed ?? false
    }

    public static func size(_ number: Int32) -> (size: Int, inode: UInt64)? {
        kernel.enter()
        return memory(number, "fstat").map { ($0.contents.count, $0.inode) }
    }

    public static func read(_ number: Int32, _ space: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        kernel.enter()
        guard let file = memory(number, "pread") else { return -1 }
        if kernel.failure([ENOMEM]) != nil {
            world.judge.takeOverFailed("pread")
            return -1
        }
        guard offset >= 0, offset < file.contents.count else { return 0 }
        let bytes = file.contents[offset...].prefix(space.count)
        space.copyBytes(from: bytes)
        return bytes.count
    }

    // MARK: - Descriptors as messages

    public static func makePair(_ ends: UnsafeMutablePointer<Int32>) -> Int32 {
        kernel.enter()
        if kernel.failure([EMFILE, ENOMEM]) != nil { return -1 }
        let one = PairFile(world)
        let other = PairFile(world)
        ends[0] = kernel.install(one)
        ends[1] = kernel.install(other)
        guard ends[0] >= 0, ends[1] >= 0 else {
            if ends[0] >= 0 { _ = kernel.close(ends[0]) }
            errno = EMFILE
            return -1
        }
        one.other = other
        other.other = one
        return 0
    }

    public static func send(_ number: Int32, _ bytes: [UInt8], passing descriptors: [Int32]) -> Int {
        kernel.enter()
        guard let end = kernel.file(number, "sendmsg") as? PairFile else { return -1 }
        guard let other = end.other else {
            errno = EPIPE
            return -1
        }
        if let code = kernel.failure([EINTR, ETOOMANYREFS, EAGAIN, ENOMEM]) {
            world.trace("sendmsg with \(descriptors.count) descriptors fails: \(code)")
            if code != EINTR { world.judge.handOverFailed() }
            return -1
        }
        let files = descriptors.compactMap { kernel.file($0, "sendmsg of") }
        guard files.count == descriptors.count else { return -1 }
        world.trace("sendmsg(\(files.map(\.name).joined(separator: ", ")))")
        other.put(bytes, files)
        return bytes.count
    }

    /// Like recvmsg(2): as many descriptors as the caller has space for and the table has; the others are closed.
    public static func receive(
        _ number: Int32,
        _ space: UnsafeMutableRawBufferPointer,
        _ descriptors: UnsafeMutableBufferPointer<Int32>
    ) -> (bytes: Int, descriptors: Int, isTruncated: Bool)? {
        kernel.enter()
        guard let end = kernel.file(number, "recvmsg") as? PairFile else { return nil }
        if let code = kernel.failure([EINTR, EINTR, ENOMEM]) {
            if code != EINTR { for client in end.clients { client.account.noteFault("recvmsg") } }
            return nil
        }
        guard let (bytes, files) = end.take() else {
            if end.other == nil { return (0, 0, false) }
            errno = EAGAIN
            return nil
        }
        space.copyBytes(from: bytes.prefix(space.count))
        var count = 0
        for file in files {
            if count < descriptors.count, case let taken = kernel.install(file), taken >= 0 {
                descriptors[count] = taken
                count += 1
            } else {
                (file as? ClientSocket)?.account.noteFault("no descriptor left")
                world.count("connections without a descriptor")
            }
            file.letGo()
        }
        world.trace("recvmsg: \(count) descriptors")
        return (min(bytes.count, space.count), count, count < files.count)
    }

    public static func ignoresNewcomers(_ number: Int32) -> Bool {
        kernel.enter()
        return (kernel.file(number, "getsockopt") as? ListeningFile)?.ignoresNewcomers ?? false
    }
}
