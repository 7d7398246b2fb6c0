import Glibc
import ReverseClient

/// Shows the progress of a stream on the terminal: a line that is redrawn, and a message about an outage.
final class ProgressLine: StreamObserver {
    private static let pause = Duration.milliseconds(200)
    /// A stream that is done before this shows no line.
    private static let delay = Duration.milliseconds(600)
    /// Shorter outages are not reported.
    private static let shortOutage = Duration.milliseconds(150)

    private let isWanted: Bool
    private let sharesTerminal = isatty(STDOUT_FILENO) == 1
    private var isOver = false
    private var text: ProgressText
    private var nextDrawing: ContinuousClock.Instant
    private var outage: (since: ContinuousClock.Instant, lines: Int, isReported: Bool)?
    private var lines = 0

    /// Whether nothing else seems to use the terminal: the lines do not come from it, and the answers go to a file. A
    /// program at the other end of a pipe may draw on the terminal, as less(1) does.
    static var hasTerminalToItself: Bool {
        var status = stat()
        guard isatty(STDIN_FILENO) == 0, unsafe fstat(STDOUT_FILENO, &status) == 0, Self.canErase else {
            return false
        }
        return switch status.st_mode & S_IFMT {
        case S_IFREG, S_IFBLK: true
        // Devices such as /dev/null.
        case S_IFCHR: isatty(STDOUT_FILENO) == 0
        default: false
        }
    }

    /// Whether the terminal understands the sequence that erases the line.
    private static var canErase: Bool {
        guard let kind = Environment.text("TERM") else { return false }
        return !kind.isEmpty && kind != "dumb"
    }

    /// - Parameters:
    ///   - isWanted: Whether the progress line is shown; outages are reported anyway.
    ///   - inputSize: The bytes left to read, if known.
    init(isWanted: Bool, inputSize: Int?) {
        self.isWanted = isWanted
        text = ProgressText(size: inputSize)
        nextDrawing = .now + Self.delay
        if isWanted { ProgressEraser.install() }
    }

    var interval: Duration? { isWanted ? Self.pause : nil }

    func streamMoved(to progress: StreamProgress, at now: ContinuousClock.Instant) {
        lines = progress.linesAnswered
        if let outage, lines > outage.lines { self.outage = nil }
        guard isWanted, !isOver, now >= nextDrawing else { return }
        nextDrawing = now + Self.pause
        draw(text.text(progress, at: now))
    }

    func streamWillWrite(isLast: Bool) {
        if isLast { isOver = true }
        if isLast || sharesTerminal { wipe() }
    }

    func streamLost(_ reason: ClientError.Reason, tryingAgainAfter pause: Duration) {
        let current = outage ?? (.now, lines, false)
        outage = current
        guard !current.isReported, current.since.duration(to: .now) >= Self.shortOutage else { return }
        outage?.isReported = true
        wipe()
        Message.print("\(reason.briefly); trying again")
    }

    /// Erases the line. Call it before printing anything else.
    func wipe() { ProgressEraser.wipe() }

    private func draw(_ text: String) {
        // The terminal belongs to the foreground process group.
        guard tcgetpgrp(STDERR_FILENO) == getpgrp(), ProgressEraser.isWritable else { return }
        var size = winsize()
        let known = unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1
        // One column stays free, because some terminals wrap a full line.
        let width = known ? Int(size.ws_col) - 1 : 79
        ProgressEraser.prepare()
        Message.write("\r\(text.prefix(width))\u{1B}[K")
    }
}

extension ClientError.Reason {
    /// The beginning of a sentence.
    var briefly: String {
        switch self {
        case .cannotConnect(let reason, _): "cannot connect (\(reason))"
        case .timedOut: "no answer in time"
        case .nameServiceSilent: "the name service does not answer"
        default: "the connection was lost"
        }
    }
}
