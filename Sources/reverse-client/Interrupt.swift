import Glibc
import Synchronization

/// Ctrl-C (SIGINT). A signal handler can reach nothing but what is global, so these two flags are.
enum Interrupt {
    private static let happened = Atomic<Bool>(false)
    private static let progressIsShown = Atomic<Bool>(false)

    /// Notes whether a progress line stands on the terminal, which is to be wiped before the program leaves.
    static func setProgress(isShown: Bool) { progressIsShown.store(isShown, ordering: .relaxed) }

    /// Leaves at once with 130, as a shell says it of Ctrl-C.
    static func leaves() {
        signal(SIGINT) { _ in
            if Interrupt.progressIsShown.load(ordering: .relaxed) {
                _ = write(STDERR_FILENO, "\r\u{1B}[K", 4)
            }
            _exit(130)
        }
    }

    /// Is only noted, for a mode that has something to say before it leaves.
    static func isNoted() {
        signal(SIGINT) { _ in Interrupt.happened.store(true, ordering: .relaxed) }
    }

    /// Whether Ctrl-C was noted since the last question.
    static func take() -> Bool { happened.exchange(false, ordering: .relaxed) }
    /// Whether Ctrl-C was noted and not taken yet.
    static var isPending: Bool { happened.load(ordering: .relaxed) }
}
