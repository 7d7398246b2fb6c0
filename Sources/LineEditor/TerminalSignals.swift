import Glibc
import Synchronization

/// Signal handlers for a terminal whose modes are changed: signals that end or stop the program, SIGINT (treated as Ctrl-C),
/// and a change of the window's size. The state is global, because a signal handler can reach nothing else.
enum TerminalSignals {
    private static let ending = [SIGTERM, SIGHUP, SIGQUIT]
    private static let noted = [SIGINT, SIGWINCH, SIGTSTP, SIGCONT]

    // Safe although unchecked: written by the editing thread before the handlers are installed, and read by handlers on that
    // thread.
    nonisolated(unsafe) private static var input: Int32 = -1
    nonisolated(unsafe) private static var output: Int32 = -1
    // Allocated: Swift 6.2 gives a global `termios` 57 bytes, without its padding, and then writes 60.
    nonisolated(unsafe) private static let original = UnsafeMutablePointer<termios>.allocate(capacity: 1)
    nonisolated(unsafe) private static var previous: [Int32: __sighandler_t?] = [:]
    nonisolated(unsafe) private static var pipe: (read: Int32, write: Int32) = (-1, -1)

    /// How many bytes of the end mark of a bracketed paste have arrived; -1 outside of a paste.
    private static let pasteMatched = Atomic<Int>(-1)
    private static let hasInterrupted = Atomic<Bool>(false)
    private static let stopIsWanted = Atomic<Bool>(false)
    private static let hasContinued = Atomic<Bool>(false)

    /// Installs handlers that restore the terminal when a signal ends the program. Ignored signals stay ignored.
    static func arm(input: Int32, output: Int32, original modes: termios) {
        unsafe (self.input, self.output) = (input, output)
        unsafe original.initialize(to: modes)
        PasteDrain.prepare()
        openPipe()
        for number in ending {
            handle(number) { number in
                TerminalSignals.giveBack()
                signal(number, SIG_DFL)
                raise(number)
            }
        }
        handle(SIGINT) { _ in
            TerminalSignals.hasInterrupted.store(true, ordering: .relaxed)
            TerminalSignals.wake()
        }
        handle(SIGTSTP) { _ in
            TerminalSignals.stopIsWanted.store(true, ordering: .relaxed)
            TerminalSignals.wake()
        }
        handle(SIGCONT) { _ in
            TerminalSignals.hasContinued.store(true, ordering: .relaxed)
            TerminalSignals.wake()
        }
        handle(SIGWINCH) { _ in TerminalSignals.wake() }
    }

    static func disarm() {
        for number in ending + noted { unsafe signal(number, previous[number] ?? SIG_DFL) }
    }

    /// A pipe that is readable after a signal that does not end the program, because a signal may arrive just before poll(2).
    /// -1 without a pipe.
    static var descriptor: Int32 { unsafe pipe.read }

    /// Empties the pipe. Call it before checking the signals.
    static func clear() {
        var bytes: UInt64 = 0
        while unsafe read(pipe.read, &bytes, MemoryLayout.size(ofValue: bytes)) > 0 {}
    }

    static func note(pasteMatched matched: Int?) { pasteMatched.store(matched ?? -1, ordering: .relaxed) }

    /// Whether SIGINT has arrived since it was cleared.
    static var isInterrupted: Bool { hasInterrupted.load(ordering: .relaxed) }

    static func forgetInterrupt() { hasInterrupted.store(false, ordering: .relaxed) }

    /// Returns and clears whether SIGTSTP has arrived.
    static func takeStop() -> Bool { stopIsWanted.exchange(false, ordering: .relaxed) }

    /// Returns and clears whether the program was stopped and continued.
    static func takeContinuation() -> Bool { hasContinued.exchange(false, ordering: .relaxed) }

    private static func openPipe() {
        guard unsafe pipe.read < 0 else { return }
        var ends: [Int32] = [-1, -1]
        // Without it a signal still interrupts poll(2), unless it arrives just before.
        guard unsafe Glibc.pipe(&ends) == 0 else { return }
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        unsafe pipe = (ends[0], ends[1])
    }

    private static func wake() {
        let code = errno
        _ = unsafe write(pipe.write, "!", 1)
        errno = code
    }

    private static func handle(_ number: Int32, _ handler: __sighandler_t?) {
        let before: __sighandler_t? = signal(number, handler)
        unsafe previous[number] = before
        if unsafe unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) {
            signal(number, SIG_IGN)
        }
    }

    private static func giveBack() {
        // The signal may have arrived while wrapping was off.
        _ = unsafe write(output, "\u{1B}[?7h\u{1B}[?2004l", 13)
        let matched = pasteMatched.load(ordering: .relaxed)
        if matched >= 0 { unsafe PasteDrain.drain(input, matched: matched) }
        unsafe tcsetattr(input, TCSANOW, original)
    }
}

/// Reads and discards the rest of a bracketed paste, so that the shell does not get it. Async-signal-safe.
enum PasteDrain {
    /// A terminal sends a paste without pauses; after a longer one, the paste is over.
    private static let longestPause: Int32 = 1000
    private static let longestTime = 5
    private static let mostBytes = 64 << 20
    private static let size = KeyDecoder.pasteEnd.count

    // Safe although unchecked: allocated once, before any handler, and used by one thread that is about to exit.
    nonisolated(unsafe) private static let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: size)
    nonisolated(unsafe) private static let mark = UnsafeMutablePointer<UInt8>.allocate(capacity: size)

    /// Allocates the buffers, which a signal handler must not do.
    static func prepare() {
        unsafe buffer.initialize(repeating: 0, count: size)
        for (index, byte) in KeyDecoder.pasteEnd.enumerated() { unsafe mark[index] = byte }
    }

    /// Reads up to the end mark, of which `matched` bytes have arrived. Gives up after five seconds, 64 MiB or a pause of one
    /// second.
    static func drain(_ input: Int32, matched: Int) {
        var matched = matched
        var total = 0
        let end = time(nil) + longestTime
        var polls = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
        // Never more bytes than the mark still lacks, because what follows was typed for the next reader.
        while unsafe total < mostBytes && time(nil) <= end && poll(&polls, 1, longestPause) > 0 {
            let count = unsafe read(input, buffer, size - matched)
            guard count > 0 else { return }
            total += count
            for index in 0..<count {
                if unsafe buffer[index] == mark[matched] {
                    matched += 1
                } else {
                    matched = unsafe buffer[index] == mark[0] ? 1 : 0
                }
                if matched == size { return }
            }
        }
    }
}
