import CLinux
import Glibc

/// The modes, input and output of a terminal (termios(3)).
final class Terminal {
    enum Event {
        case input([UInt8])
        case watched, timedOut
        /// The terminal was closed (nil), or could not be read: the `errno`.
        case ended(Int32?)
        /// A signal arrived, for instance a change of the window's size.
        case interrupted
    }

    private static let readSize = 65_536

    private let input: Int32
    private let output: Int32
    private var original: termios?
    private var buffer = [UInt8](repeating: 0, count: readSize)
    private var emptyReads = EmptyReads()

    init(input: Int32, output: Int32) {
        self.input = input
        self.output = output
    }

    /// Whether the terminal's modes are changed.
    var isEditing: Bool { original != nil }

    var columns: Int {
        var size = winsize()
        return unsafe ioctl(output, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    /// Sets the modes in which every key arrives at once, including Ctrl-C. Input that was typed before is kept. Returns false, with
    /// the reason in `errno`, if the modes cannot be set.
    func beginEditing() -> Bool {
        guard original == nil else { return true }
        var modes = termios()
        guard unsafe tcgetattr(input, &modes) == 0 else { return false }
        original = modes
        TerminalSignals.arm(input: input, output: output, original: modes)
        return resumeEditing()
    }

    /// Sets the modes again, because another program may have changed them while this one was stopped.
    func resumeEditing() -> Bool {
        guard var modes = original else { return false }
        modes.c_iflag &= ~tcflag_t(BRKINT | ICRNL | INLCR | IGNCR | INPCK | ISTRIP | IXON)
        modes.c_lflag &= ~tcflag_t(ECHO | ICANON | IEXTEN | ISIG)
        unsafe withUnsafeMutableBytes(of: &modes.c_cc) { characters in
            unsafe characters[Int(VMIN)] = 1
            unsafe characters[Int(VTIME)] = 0
        }
        // Bracketed paste, which marks pasted text.
        write("\u{1B}[?2004h")
        return unsafe tcsetattr(input, TCSADRAIN, &modes) == 0
    }

    /// Restores the terminal.
    ///
    /// - Parameter pasteMatched: How many bytes of the end mark have arrived of a paste in progress, whose rest is read and
    ///   discarded; nil without a paste.
    func endEditing(pasteMatched: Int?) {
        guard var modes = original else { return }
        write("\u{1B}[?2004l")
        if let pasteMatched { PasteDrain.drain(input, matched: pasteMatched) }
        unsafe tcsetattr(input, TCSADRAIN, &modes)
        TerminalSignals.disarm()
        original = nil
    }

    /// Sleeps until a key or the watched descriptor is ready.
    func wait(watching watched: Int32, milliseconds: Int32) -> Event {
        var polls = [
            pollfd(fd: input, events: Int16(POLLIN), revents: 0),
            pollfd(fd: watched, events: Int16(POLLIN), revents: 0),
            pollfd(fd: TerminalSignals.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        let result = unsafe poll(&polls, 3, milliseconds)
        if result < 0 && errno != EINTR { return .ended(errno) }
        if result < 0 || polls[2].revents != 0 {
            TerminalSignals.clear()
            return .interrupted
        }
        if result == 0 { return .timedOut }
        // Keys first, so that a lost connection does not lose typed text.
        guard polls[0].revents != 0 else { return .watched }
        let count = unsafe read(input, &buffer, buffer.count)
        if count < 0 && errno == EINTR { return .interrupted }
        if emptyReads.mustPollAgain(after: count) { return .timedOut }
        // EIO: the other end of the terminal is closed.
        if count < 0 { return .ended(errno == EIO ? nil : errno) }
        return count > 0 ? .input(Array(buffer.prefix(count))) : .ended(nil)
    }

    func write(_ text: String) {
        _ = unsafe linux_write_all(output, text, text.utf8.count)
    }
}
