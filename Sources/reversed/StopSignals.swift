import Dispatch
import Glibc

/// The signals that an operator sends: SIGTERM and SIGINT stop, SIGHUP reloads.
///
/// Unchecked because Dispatch does not mark its source protocols; safe because the sources are only kept.
final class StopSignals: @unchecked Sendable {
    private let sources: [any DispatchSourceSignal]

    /// Blocks them for this thread and all that it starts, so that only the sources see them; SIGPIPE is ignored.
    static func block() {
        signal(SIGPIPE, SIG_IGN)
        var set = sigset_t()
        sigemptyset(&set)
        for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&set, number) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Calls the closures on `queue`, which must be a serial one.
    ///
    /// - Parameter whenWatching: Called once, when every signal is watched; one that came earlier is delivered too.
    init(queue: DispatchQueue, stop: @escaping @Sendable () -> Void, reload: @escaping @Sendable () -> Void) {
        sources = [(SIGTERM, stop), (SIGINT, stop), (SIGHUP, reload)].map { number, action in
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler(handler: action)
            source.activate()
            return source
        }
    }
}
