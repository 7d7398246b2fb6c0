import CEpollGuard
import CLinux
import Dispatch
import Glibc
import Sockets

/// Why a server cannot work in this process.
public struct SetupError: Error, Sendable, CustomStringConvertible {
    /// What does not work, and what to do about it, in one sentence.
    public let description: String
}

/// Checks before the first client that libdispatch delivers events, through the epoll guard.
enum SetupCheck {
    /// How many threads a server needs besides the main one: the manager of libdispatch, one for each busy serial queue (control,
    /// resolver, signals, log, notifications, hot loop), and some for the read sources.
    private static let threads: Int32 = 12

    /// If the system refuses a thread, libdispatch waits, and clients and signals wait, too, perhaps indefinitely.
    private static func tryThreads() throws(SetupError) {
        let code = linux_try_threads(threads)
        guard code != 0 else { return }
        throw SetupError(
            description: """
                \(SystemError("start \(threads) threads", code: code)); raise the limit on processes and threads \
                (RLIMIT_NPROC, TasksMax=), or that on memory
                """
        )
    }

    /// - Throws: `SetupError`.
    static func run(
        on queue: DispatchQueue,
        guardCalls: () -> UInt64 = epoll_guard_calls
    ) throws(SetupError) {
        try tryThreads()
        let number = linux_ready_descriptor()
        guard number >= 0 else {
            throw SetupError(description: "\(SystemError("make an eventfd"))")
        }
        let isDelivered = DispatchSemaphore(value: 0)
        let source = DispatchSource.makeReadSource(fileDescriptor: number, queue: queue)
        source.setEventHandler { source.cancel() }
        source.setCancelHandler {
            close(number)
            isDelivered.signal()
        }
        source.activate()
        guard isDelivered.wait(timeout: .now() + 10) == .success else {
            throw SetupError(
                description: """
                    libdispatch delivers no events here; check the limits on processes and threads (RLIMIT_NPROC, \
                    TasksMax=) and that /proc is mounted
                    """
            )
        }
        guard guardCalls() > 0 else {
            throw SetupError(
                description: """
                    CEpollGuard is not linked into this program, so a client's RST could crash it; see epoll_guard.c
                    """
            )
        }
        epoll_guard_set_up()
    }
}
