import CLinux
import Glibc
import Synchronization

/// Passes open descriptors to another process, in messages through a Unix socket (`SCM_RIGHTS`, unix(7)).
///
/// A message in a socket keeps its descriptors open, even after its sender has ended. So a pair of sockets can keep them while no
/// process runs: a process that gets the receiving end can receive them. No function here waits.
public enum DescriptorPassing {
    /// The maximum number of descriptors in a message.
    public static let maximum = Int(linux_most_descriptors)

    /// A pair of connected sockets that preserve message boundaries (`SOCK_SEQPACKET`), close-on-exec.
    public final class Pair: Sendable {
        /// The sending end.
        public let sending: Int32
        private let receivingEnd: Mutex<Int32>

        /// Makes both ends.
        ///
        /// - Throws: `SystemError`.
        public init() throws(SystemError) {
            var ends: [Int32] = [-1, -1]
            let kind = Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue)
            guard unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
                throw SystemError("make a pair of sockets")
            }
            sending = ends[0]
            receivingEnd = Mutex(ends[1])
        }

        deinit {
            close(sending)
            closeReceiving()
        }

        /// The receiving end; -1 once it is closed. Any duplicate of it can receive the messages.
        public var receiving: Int32 { receivingEnd.withLock { $0 } }

        /// Closes the receiving end in this process. Duplicates stay open.
        public func closeReceiving() {
            receivingEnd.withLock { number in
                if number >= 0 { close(number) }
                number = -1
            }
        }

        /// Whether any duplicate of the receiving end is open.
        public var isHeld: Bool {
            var state = pollfd(fd: sending, events: 0, revents: 0)
            return unsafe poll(&state, 1, 0) >= 0 && state.revents & Int16(POLLHUP | POLLERR) == 0
        }
    }

    /// Sends one message with duplicates of `descriptors`, which the caller still owns.
    ///
    /// - Parameters:
    ///   - bytes: At least one byte: an empty message would look like the end.
    ///   - descriptors: At most `maximum`.
    ///   - socket: An `AF_UNIX` socket, which the caller still owns.
    /// - Throws: `SystemError`; with `ETOOMANYREFS` if this user has more descriptors in flight than its soft limit on open files
    ///   allows, with `EAGAIN` if the socket is full.
    public static func send(
        _ bytes: [UInt8],
        _ descriptors: [Int32],
        through socket: Int32
    ) throws(SystemError) {
        let count = Int32(clamping: descriptors.count)
        let sent = retryingInterrupts {
            unsafe linux_send_descriptors(socket, bytes, bytes.count, descriptors, count)
        }
        guard sent == bytes.count else { throw SystemError("pass on \(count) descriptors") }
    }

    /// One message.
    public struct Message: Sendable {
        /// Its bytes.
        public var bytes: [UInt8]
        /// Its descriptors, close-on-exec, owned by the caller.
        public var descriptors: [Int32]
        /// Whether the message had more bytes or descriptors than requested. The kernel has closed those descriptors.
        public var isTruncated: Bool
    }

    /// Receives the next message; nil at the end, and if there is none.
    ///
    /// - Parameters:
    ///   - socket: An `AF_UNIX` socket, which the caller still owns.
    ///   - most: The maximum number of descriptors, 0...`maximum`. The kernel closes further ones.
    ///   - length: The maximum number of bytes.
    /// - Throws: `SystemError`, such as `ENOTSOCK`.
    public static func receive(
        from socket: Int32,
        atMost most: Int,
        length: Int = 4096
    ) throws(SystemError) -> Message? {
        var bytes = [UInt8](repeating: 0, count: length)
        var descriptors = [Int32](repeating: -1, count: maximum)
        var count = Int32(clamping: min(most, maximum))
        var isTruncated = false
        let received = retryingInterrupts {
            unsafe linux_receive_descriptors(socket, &bytes, length, &descriptors, &count, &isTruncated)
        }
        guard received >= 0 else {
            if errno == EAGAIN { return nil }
            throw SystemError("receive descriptors")
        }
        let taken = Array(descriptors.prefix(max(0, Int(count))))
        guard received > 0 || !taken.isEmpty else { return nil }
        return Message(bytes: Array(bytes.prefix(received)), descriptors: taken, isTruncated: isTruncated)
    }
}
