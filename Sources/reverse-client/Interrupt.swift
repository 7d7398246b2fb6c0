import CommandSupport
import Glibc
import Synchronization

/// Ctrl-C (SIGINT) in the modes that have something to do before they leave; the others leave the signal at its default.
/// A signal handler can reach nothing but what is global, so the flag is.
enum Interrupt {
    private static let happened = Atomic<Bool>(false)

    /// From now on Ctrl-C is only noted. An ignored SIGINT, as a shell gives it to a background job, stays ignored.
    static func isNoted() {
        guard !ProcessSignals.isIgnored(SIGINT) else { return }
        signal(SIGINT) { _ in Interrupt.happened.store(true, ordering: .relaxed) }
    }

    /// Whether Ctrl-C was noted since the last question.
    static func take() -> Bool { happened.exchange(false, ordering: .relaxed) }
    /// Whether Ctrl-C was noted and not taken yet.
    static var isPending: Bool { happened.load(ordering: .relaxed) }
}
