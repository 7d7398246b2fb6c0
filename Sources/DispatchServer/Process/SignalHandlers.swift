import CLinux
import Dispatch
import Glibc
import Sockets

/// Handlers for signals such as SIGTERM, called on a queue.
///
/// Unchecked because Dispatch does not mark its source protocols `Sendable`. Safe because the sources are only retained.
public final class SignalHandlers: @unchecked Sendable {
    private let sources: [any DispatchSourceSignal]

    /// Blocks signals in this thread and all threads that it starts, so that only `SignalHandlers` receives them. Also ignores
    /// SIGPIPE.
    ///
    /// Call it before the process has a second thread: libdispatch reads signals from a signalfd(2), which gets only signals that
    /// every thread blocks.
    public static func block(_ numbers: [Int32]) {
        signal(SIGPIPE, SIG_IGN)
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for number in numbers { unsafe sigaddset(&set, number) }
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Installs a handler for each signal. Signals that have arrived since `block` are delivered, too. Returns once all are
    /// watched.
    ///
    /// - Parameters:
    ///   - queue: The queue of the handlers; a private one by default. Not the caller's queue, and on the main thread not the main
    ///     queue: the call waits for it.
    ///   - handlers: The handler of each signal.
    /// - Throws: `SetupError` if the system does not deliver signals.
    public init(
        on queue: DispatchQueue = DispatchQueue(label: "signals"),
        _ handlers: [Int32: @Sendable () -> Void]
    ) throws(SetupError) {
        let registered = DispatchGroup()
        sources = handlers.map { number, handler in
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler(handler: handler)
            registered.enter()
            source.setRegistrationHandler { registered.leave() }
            source.activate()
            return source
        }
        guard registered.wait(timeout: .now() + 10) == .success else {
            throw SetupError(
                description:
                    "the system delivers no signals (signalfd); check the limits on open files and threads"
            )
        }
    }
}
