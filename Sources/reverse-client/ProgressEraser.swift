import CommandSupport
import Glibc
import Synchronization

/// Takes the progress line off the terminal, also when a signal ends or stops the program: what is printed next, by this
/// program or by the shell, begins on an empty line. A signal handler can reach nothing but what is global.
enum ProgressEraser {
    private static let isDrawn = Atomic<Bool>(false)

    /// Sees to the signals that end the program; those that are ignored stay ignored.
    static func arm() {
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] { handle(number) }
    }

    /// To be called before the line is drawn.
    static func willDraw() {
        // Again each time: after a stop its handling is at the default.
        handle(SIGTSTP)
        isDrawn.store(true, ordering: .relaxed)
    }

    /// Erases the line if it is there. Safe in a signal handler.
    static func wipe() {
        guard isDrawn.exchange(false, ordering: .relaxed), isWritable else { return }
        _ = write(STDERR_FILENO, "\r\u{1B}[K", 4)
    }

    /// Whether the terminal takes output: not while it is stopped (Ctrl-S), when writing would hold up the stream, or
    /// the signal. Safe in a signal handler.
    static var isWritable: Bool {
        var terminal = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        return poll(&terminal, 1, 0) == 1 && terminal.revents & Int16(POLLOUT) != 0
    }

    private static func handle(_ signalNumber: Int32) {
        guard !ProcessSignals.isIgnored(signalNumber) else { return }
        signal(signalNumber) { number in
            ProgressEraser.wipe()
            // Does what the signal would have done, when this handler has returned.
            signal(number, SIG_DFL)
            raise(number)
        }
    }
}
