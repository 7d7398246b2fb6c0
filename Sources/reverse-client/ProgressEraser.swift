import CommandSupport
import Glibc
import Synchronization

/// Erases the progress line, also when a signal ends or stops the program, so that this program or the shell prints on an
/// empty line. It is global, because a signal handler can reach nothing else.
enum ProgressEraser {
    private static let isDrawn = Atomic<Bool>(false)

    /// Installs handlers for the signals that end the program. Ignored signals stay ignored.
    static func install() {
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] { handle(number) }
    }

    /// Call it before each drawing of the line.
    static func prepare() {
        // Each time, because the handler resets the action when it stops the program.
        handle(SIGTSTP)
        isDrawn.store(true, ordering: .relaxed)
    }

    /// Erases the line if it is drawn. Async-signal-safe.
    static func wipe() {
        guard isDrawn.exchange(false, ordering: .relaxed), isWritable else { return }
        _ = unsafe write(STDERR_FILENO, "\r\u{1B}[K", 4)
    }

    /// Whether the terminal accepts output. While it is stopped (Ctrl-S), a write would block the stream or the signal.
    /// Async-signal-safe.
    static var isWritable: Bool {
        var terminal = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        return unsafe poll(&terminal, 1, 0) == 1 && terminal.revents & Int16(POLLOUT) != 0
    }

    private static func handle(_ signalNumber: Int32) {
        guard !ProcessSignals.isIgnored(signalNumber) else { return }
        signal(signalNumber) { number in
            ProgressEraser.wipe()
            // The default action happens when this handler returns.
            signal(number, SIG_DFL)
            raise(number)
        }
    }
}
