import Glibc
import Sockets

/// A source of lines.
public protocol InputPort: AnyObject {
    /// The descriptor to poll before `read`; nil if `read` never blocks.
    var pollDescriptor: Int32? { get }
    /// Writes bytes into `buffer` and returns how many: 0 at the end, nil if there are none yet.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int?
}

/// A destination of answers.
public protocol OutputPort: AnyObject {
    /// The descriptor to poll after `write` took nothing; nil if `write` always takes something.
    var pollDescriptor: Int32? { get }
    /// Whether `write` may block without a poll just before.
    var mustPollFirst: Bool { get }
    /// Takes bytes of `buffer` and returns how many; nil if none can be taken now.
    func write(_ buffer: UnsafeRawBufferPointer) throws(SystemError) -> Int?
}

/// Lines from memory.
public final class BytesInput: InputPort {
    private var rest: ArraySlice<UInt8>
    private let isOpenEnded: Bool

    /// Creates an input of `bytes`.
    ///
    /// - Parameters:
    ///   - bytes: Lines, each with its line feed.
    ///   - isOpenEnded: Whether the input has no end, so that the connection stays open after the last answer.
    public init(_ bytes: [UInt8], isOpenEnded: Bool = false) {
        rest = bytes[...]
        self.isOpenEnded = isOpenEnded
    }

    /// Memory never blocks.
    public var pollDescriptor: Int32? { nil }

    /// Copies the next bytes; nil at an open end.
    public func read(into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        let part = rest.prefix(buffer.count)
        unsafe buffer.copyBytes(from: part)
        rest = rest.dropFirst(part.count)
        return part.isEmpty && isOpenEnded ? nil : part.count
    }
}

/// Answers into memory.
public final class BytesOutput: OutputPort {
    /// What was written so far.
    public private(set) var bytes: [UInt8] = []

    /// Creates an empty output.
    public init() {}

    /// Memory never blocks.
    public var pollDescriptor: Int32? { nil }
    /// Memory never blocks.
    public var mustPollFirst: Bool { false }

    /// Appends everything.
    public func write(_ buffer: UnsafeRawBufferPointer) -> Int? {
        unsafe bytes.append(contentsOf: buffer)
        return buffer.count
    }
}

/// Lines from a descriptor that other processes may share, so its flags are not changed. It is read once after each poll,
/// which does not block.
public final class DescriptorInput: InputPort {
    private let number: Int32
    private let name: String
    private let isFile: Bool

    /// Reads from the descriptor `number`, which the caller keeps. Errors call it `name`.
    public init(_ number: Int32, name: String) {
        self.number = number
        self.name = name
        var status = stat()
        isFile = unsafe fstat(number, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// The descriptor; nil for a regular file, which is always ready.
    public var pollDescriptor: Int32? { isFile ? nil : number }

    /// Reads once (read(2)).
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int? {
        switch outcome("read \(name)", { unsafe Glibc.read(number, buffer.baseAddress, buffer.count) }) {
        case .bytes(let count): return count
        case .ended: return 0
        case .blocked where isFile: throw SystemError("read \(name)", code: EAGAIN)
        case .blocked: return nil
        case .failed(let error): throw error
        }
    }
}

/// Answers to a descriptor that other processes may share, so its flags are not changed.
///
/// A pipe or a terminal is opened again through /proc, which gives an open file description of its own that can be
/// non-blocking (proc(5), open(2)). If that is not allowed, each poll is followed by a write of at most `PIPE_BUF` bytes, which
/// a ready pipe takes without blocking (pipe(7)).
public final class DescriptorOutput: OutputPort {
    private enum Kind { case file, socket, nonBlocking, bounded }

    static let lostReaderAdvice = "the program that read them has exited"
    private static let pipeBuffer = 4096

    private let number: Int32
    private let name: String
    private let kind: Kind
    private let reopened: Descriptor?

    /// Writes to the descriptor `number`, which the caller keeps. Errors call it `name`.
    public init(_ number: Int32, name: String) {
        self.name = name
        var status = stat()
        let mode = unsafe fstat(number, &status) == 0 ? status.st_mode & S_IFMT : 0
        var own: Int32 = -1
        if mode == S_IFIFO || mode == S_IFCHR {
            own = unsafe open("/proc/self/fd/\(number)", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
        }
        self.number = own >= 0 ? own : number
        reopened = own >= 0 ? Descriptor(owning: own) : nil
        kind =
            switch mode {
            case _ where own >= 0: .nonBlocking
            case S_IFREG, S_IFBLK: .file
            case S_IFSOCK: .socket
            default: .bounded
            }
    }

    /// The descriptor; nil for a file, which is always ready.
    public var pollDescriptor: Int32? { kind == .file ? nil : number }
    /// Whether writing could block without a poll.
    public var mustPollFirst: Bool { kind == .bounded }

    /// Writes once (write(2)).
    public func write(_ buffer: UnsafeRawBufferPointer) throws(SystemError) -> Int? {
        let result = outcome("write \(name)") {
            switch kind {
            case .file, .nonBlocking:
                unsafe Glibc.write(number, buffer.baseAddress, buffer.count)
            case .socket:
                unsafe send(
                    number,
                    buffer.baseAddress,
                    buffer.count,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
                )
            case .bounded:
                unsafe Glibc.write(number, buffer.baseAddress, min(buffer.count, Self.pipeBuffer))
            }
        }
        switch result {
        case .bytes(let count): return count
        // A file has no event that would end the wait.
        case .blocked where kind == .file: throw SystemError("write \(name)", code: EAGAIN)
        case .blocked, .ended: return nil
        case .failed(var error):
            if error.code == EPIPE { error.advice = Self.lostReaderAdvice }
            throw error
        }
    }
}
