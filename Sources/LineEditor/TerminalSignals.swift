import Glibc
import Synchronization

/// The signals that concern a terminal whose modes are changed: those that end or stop the program, SIGINT, which is as good
/// as Ctrl-C, and a change of the window. A handler can reach only what is global.
enum TerminalSignals {
    private static let ending = [SIGTERM, SIGHUP, SIGQUIT]
    private static let noted = [SIGINT, SIGWINCH, SIGTSTP, SIGCONT]

    // Unsafe but sound: written by the one thread that edits, while the signals whose handlers read them are still at their
    // default; read by a handler of that same thread.
    nonisolated(unsafe) private static var input: Int32 = -1
    nonisolated(unsafe) private static var output: Int32 = -1
    nonisolated(unsafe) private static var original = termios()
    nonisolated(unsafe) private static var previous: [Int32: __sighandler_t?] = [:]
    nonisolated(unsafe) private static var pipe: (read: Int32, write: Int32) = (-1, -1)

    /// How much of the end mark of a bracketed paste has come; -1 when none is under way.
    private static let pasteMatched = Atomic<Int>(-1)
    private static let hasInterrupted = Atomic<Bool>(false)
    private static let stopIsWanted = Atomic<Bool>(false)
    private static let hasContinued = Atomic<Bool>(false)

    /// Sees to it that the terminal is given back when a signal ends the program. A signal that is ignored stays ignored.
    static func arm(input: Int32, output: Int32, original modes: termios) {
        (self.input, self.output, original) = (input, output, modes)
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
        for number in ending + noted { signal(number, previous[number] ?? SIG_DFL) }
    }

    /// Readable when a signal has come that does not end the program: a pipe, as a signal may come just before poll(2). -1
    /// where there is none.
    static var descriptor: Int32 { pipe.read }

    /// Empties the pipe, to be called before the signals are looked at.
    static func clear() {
        var bytes: UInt64 = 0
        while read(pipe.read, &bytes, MemoryLayout.size(ofValue: bytes)) > 0 {}
    }

    static func note(pasteMatched matched: Int?) { pasteMatched.store(matched ?? -1, ordering: .relaxed) }

    /// Whether SIGINT has come since it was forgotten.
    static var isInterrupted: Bool { hasInterrupted.load(ordering: .relaxed) }

    static func forgetInterrupt() { hasInterrupted.store(false, ordering: .relaxed) }

    /// Whether somebody asked the program to stop (SIGTSTP) since the last question.
    static func takeStop() -> Bool { stopIsWanted.exchange(false, ordering: .relaxed) }

    /// Whether the program was stopped and goes on, since the last question.
    static func takeContinuation() -> Bool { hasContinued.exchange(false, ordering: .relaxed) }

    private static func openPipe() {
        guard pipe.read < 0 else { return }
        var ends: [Int32] = [-1, -1]
        // Without it a signal still ends the waiting, but for one that comes a moment too early.
        guard Glibc.pipe(&ends) == 0 else { return }
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        pipe = (ends[0], ends[1])
    }

    private static func wake() {
        let code = errno
        _ = write(pipe.write, "!", 1)
        errno = code
    }

    private static func handle(_ number: Int32, _ handler: __sighandler_t?) {
        let before: __sighandler_t? = signal(number, handler)
        previous[number] = before
        if unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) {
            signal(number, SIG_IGN)
        }
    }

    private static func giveBack() {
        // The signal may have come while a row was written without wrapping.
        _ = write(output, "\u{1B}[?7h\u{1B}[?2004l", 13)
        let matched = pasteMatched.load(ordering: .relaxed)
        if matched >= 0 { PasteDrain.drain(input, matched: matched) }
        tcsetattr(input, TCSANOW, &original)
    }
}

/// Reads the rest of a bracketed paste and throws it away, so that no shell gets it. May be called by a signal handler.
enum PasteDrain {
    /// A terminal sends a paste without a pause; after a longer silence nothing more comes.
    private static let longestPause: Int32 = 1000
    private static let longestTime = 5
    private static let mostBytes = 64 << 20
    private static let size = KeyDecoder.pasteEnd.count

    // Unsafe but sound: allocated once, before any handler; used by one thread, which is about to leave.
    nonisolated(unsafe) private static let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: size)
    nonisolated(unsafe) private static let mark = UnsafeMutablePointer<UInt8>.allocate(capacity: size)

    /// Makes the buffers; a signal handler must not.
    static func prepare() {
        buffer.initialize(repeating: 0, count: size)
        for (index, byte) in KeyDecoder.pasteEnd.enumerated() { mark[index] = byte }
    }

    /// Reads up to the end mark, of which `matched` bytes have come; for five seconds, 64 MiB and pauses of one second at
    /// most.
    static func drain(_ input: Int32, matched: Int) {
        var matched = matched
        var total = 0
        let end = time(nil) + longestTime
        var polls = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
        // Never more bytes than the mark may still have: what follows it was typed for the next reader.
        while total < mostBytes && time(nil) <= end && poll(&polls, 1, longestPause) > 0 {
            let count = read(input, buffer, size - matched)
            guard count > 0 else { return }
            total += count
            for index in 0..<count {
                if buffer[index] == mark[matched] {
                    matched += 1
                } else {
                    matched = buffer[index] == mark[0] ? 1 : 0
                }
                if matched == size { return }
            }
        }
    }
}
