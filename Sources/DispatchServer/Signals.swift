import CLinux
import Dispatch
import Glibc
import Sockets

/// Signals of the operator, delivered to a queue.
///
/// Unchecked because Dispatch does not mark its source protocols; safe because the sources are only kept.
public final class SignalHandlers: @unchecked Sendable {
    private let sources: [any DispatchSourceSignal]

    /// Blocks signals for this thread and all that it starts, so that only `SignalHandlers` gets them, and ignores SIGPIPE.
    ///
    /// To be called before the process has a second thread: libdispatch reads signals from a signalfd(2), which sees only
    /// what is blocked everywhere.
    public static func block(_ numbers: [Int32]) {
        signal(SIGPIPE, SIG_IGN)
        var set = sigset_t()
        sigemptyset(&set)
        for number in numbers { sigaddset(&set, number) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Calls a closure for each signal, those included that came since `block`. Returns once all are watched.
    ///
    /// - Parameters:
    ///   - queue: Where the closures are called, one of its own by default. Not the queue of the caller, and not the
    ///     main queue in the main thread: the call waits for it.
    ///   - handlers: The closure of each signal.
    /// - Throws: `SetupError` when the system does not deliver signals.
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
