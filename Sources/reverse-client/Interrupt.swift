import CommandSupport
import Glibc
import Synchronization

/// Ctrl-C (SIGINT) in the modes that do something before they exit; the other modes keep the default action. The flag is
/// global, because a signal handler can reach nothing else.
enum Interrupt {
    private static let happened = Atomic<Bool>(false)

    /// Installs the handler: from now on Ctrl-C only sets the flag. If SIGINT is ignored, as a shell does for a background
    /// job, it stays ignored.
    static func install() {
        guard !ProcessSignals.isIgnored(SIGINT) else { return }
        signal(SIGINT) { _ in Interrupt.happened.store(true, ordering: .relaxed) }
    }

    /// Clears the flag. Returns whether it was set.
    static func take() -> Bool { happened.exchange(false, ordering: .relaxed) }
    /// Whether the flag is set.
    static var isPending: Bool { happened.load(ordering: .relaxed) }
}
