import CLinux
import Glibc

/// A file in memory for data that is too large for a message. It is written once and sealed, so that no process can change it
/// any more, and passed on as a descriptor (memfd_create(2), `F_ADD_SEALS`).
public struct SealedFile: ~Copyable, Sendable {
    private let descriptor: Descriptor
    /// Its size in bytes.
    public let count: UInt64
    /// Identifies the file: duplicates of its descriptor have the same value.
    public let identity: UInt64

    /// The file's descriptor, borrowed.
    public var number: Int32 { descriptor.number }

    /// Writes a file and seals it.
    ///
    /// - Parameters:
    ///   - name: A name for /proc. It need not be unique.
    ///   - body: Writes the contents, in order.
    /// - Throws: `SystemError`.
    public init(_ name: String, _ body: (inout Writer) throws(SystemError) -> Void) throws(SystemError) {
        let number = unsafe linux_memory_file(name)
        guard number >= 0 else { throw SystemError("make a file in memory") }
        let descriptor = Descriptor(owning: number)
        var writer = Writer(descriptor: number)
        try body(&writer)
        try writer.flush()
        guard linux_seal(number) == 0 else { throw SystemError("seal a file in memory") }
        try self.init(adopting: descriptor)
    }

    /// Adopts a file from another process.
    ///
    /// - Throws: `SystemError`, with `EPERM` for a file that is not sealed.
    public init(adopting descriptor: consuming Descriptor) throws(SystemError) {
        guard linux_is_sealed(descriptor.number) else {
            throw SystemError("read a file in memory", code: EPERM, advice: "it is not sealed")
        }
        var status = stat()
        guard unsafe fstat(descriptor.number, &status) == 0 else {
            throw SystemError("read a file in memory")
        }
        count = UInt64(clamping: status.st_size)
        identity = UInt64(status.st_ino)
        self.descriptor = descriptor
    }

    /// Fills `space` with the bytes from `offset` on.
    ///
    /// - Throws: `SystemError`, with `ERANGE` if the file has fewer.
    public func read(
        into space: UnsafeMutableRawBufferPointer,
        from offset: UInt64
    ) throws(SystemError) {
        guard let end = off_t(exactly: count), let start = off_t(exactly: offset), start <= end,
            space.count <= end - start
        else { throw SystemError("read a file in memory", code: ERANGE) }
        let read = unsafe linux_read_all(descriptor.number, space.baseAddress, space.count, start)
        guard read == space.count else {
            throw SystemError("read a file in memory", code: read < 0 ? errno : ERANGE)
        }
    }

    /// Writes a file from its beginning to its end.
    public struct Writer {
        private let descriptor: Int32
        private var waiting: [UInt8] = []
        private static let batch = 64 << 10

        fileprivate init(descriptor: Int32) { self.descriptor = descriptor }

        /// Appends bytes.
        ///
        /// - Throws: `SystemError`, with `ENOSPC` or `ENOMEM` if there is no memory.
        public mutating func append(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
            if bytes.count < Self.batch {
                unsafe waiting += bytes
                if waiting.count >= Self.batch { try flush() }
            } else {
                try flush()
                try unsafe write(bytes.baseAddress, bytes.count)
            }
        }

        fileprivate mutating func flush() throws(SystemError) {
            try unsafe write(waiting, waiting.count)
            waiting.removeAll(keepingCapacity: true)
        }

        private func write(_ bytes: UnsafeRawPointer?, _ count: Int) throws(SystemError) {
            guard unsafe linux_write_all(descriptor, bytes, count) else {
                throw SystemError("write a file in memory")
            }
        }
    }
}
