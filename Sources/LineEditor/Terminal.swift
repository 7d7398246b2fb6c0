import Glibc

/// The modes and the bytes of a terminal (termios(3)).
final class Terminal {
    enum Event {
        case input([UInt8])
        case watched, timedOut, ended
        /// A signal came, such as that of a window of a new size.
        case interrupted
    }

    private let input: Int32
    private let output: Int32
    private var original: termios?

    init(input: Int32, output: Int32) {
        self.input = input
        self.output = output
        // Without a handler the signal would not end the waiting.
        signal(SIGWINCH) { _ in }
    }

    var columns: Int {
        var size = winsize()
        return ioctl(output, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    /// Takes every key as it is pressed, Ctrl-C included; false when there is no terminal any more. What was typed
    /// before stays.
    func beginEditing() -> Bool {
        if original == nil {
            var modes = termios()
            guard tcgetattr(input, &modes) == 0 else { return false }
            original = modes
            TerminalRestorer.arm(input, original: modes)
            // Bracketed paste: what is pasted is text, whatever control characters it has.
            write("\u{1B}[?2004h")
        }
        return set(signals: false)
    }

    /// Between two lines Ctrl-C is a signal again, but what is typed or pasted meanwhile is not shown twice.
    func pauseEditing() { _ = set(signals: true) }

    /// Gives the terminal back as it was.
    func endEditing() {
        guard var modes = original else { return }
        write("\u{1B}[?2004l")
        tcsetattr(input, TCSADRAIN, &modes)
        TerminalRestorer.disarm()
        original = nil
    }

    private func set(signals: Bool) -> Bool {
        guard var modes = original else { return false }
        modes.c_iflag &= ~tcflag_t(BRKINT | ICRNL | INPCK | ISTRIP | IXON)
        modes.c_lflag &= ~tcflag_t(ECHO | ICANON | IEXTEN)
        if !signals { modes.c_lflag &= ~tcflag_t(ISIG) }
        return tcsetattr(input, TCSADRAIN, &modes) == 0
    }

    /// Sleeps until a key or the watched descriptor is ready.
    func wait(watching watched: Int32, milliseconds: Int32) -> Event {
        var polls = [
            pollfd(fd: input, events: Int16(POLLIN), revents: 0),
            pollfd(fd: watched, events: Int16(POLLIN), revents: 0),
        ]
        let result = poll(&polls, 2, milliseconds)
        if result < 0 { return errno == EINTR ? .interrupted : .ended }
        if result == 0 { return .timedOut }
        // Keys first: a lost server takes nothing away from what was typed.
        guard polls[0].revents != 0 else { return .watched }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(input, &bytes, bytes.count)
        if count < 0 && errno == EINTR { return .interrupted }
        return count > 0 ? .input(Array(bytes.prefix(count))) : .ended
    }

    func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(output, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}

/// Gives the terminal back when a signal ends the program. A handler can reach only what is global.
enum TerminalRestorer {
    // Unsafe but sound: written by the one thread that edits, while the signals that read them are still at their
    // default; read by a handler of that same thread.
    nonisolated(unsafe) private static var descriptor: Int32 = -1
    nonisolated(unsafe) private static var original = termios()

    static func arm(_ number: Int32, original modes: termios) {
        original = modes
        descriptor = number
        for number in [SIGTERM, SIGHUP, SIGQUIT] {
            signal(number) { number in
                tcsetattr(TerminalRestorer.descriptor, TCSANOW, &TerminalRestorer.original)
                signal(number, SIG_DFL)
                raise(number)
            }
        }
    }

    static func disarm() {
        for number in [SIGTERM, SIGHUP, SIGQUIT] { signal(number, SIG_DFL) }
    }
}
