import Glibc
import ReverseClient

/// Shows on the terminal how a stream gets on: a line that is redrawn, and a word about an outage.
final class ProgressLine: StreamObserver {
    private static let pause = Duration.milliseconds(200)
    /// Work that is done before is not worth a line.
    private static let patience = Duration.milliseconds(600)
    /// Shorter outages are over before anyone has read of them.
    private static let shortOutage = Duration.milliseconds(150)

    private let isWanted: Bool
    private let sharesTerminal = isatty(STDOUT_FILENO) == 1
    private var isOver = false
    private var text: ProgressText
    private var nextDrawing: ContinuousClock.Instant
    private var outage: (since: ContinuousClock.Instant, lines: Int, isTold: Bool)?
    private var lines = 0

    /// Whether nothing else is read or written through the terminal, as far as can be seen from here: nothing is typed,
    /// and the answers go to a file. What is behind a pipe may draw on the terminal at any time, as less(1) does.
    static var disturbsNobody: Bool {
        var status = stat()
        guard isatty(STDIN_FILENO) == 0, fstat(STDOUT_FILENO, &status) == 0, Self.canErase else {
            return false
        }
        return switch status.st_mode & S_IFMT {
        case S_IFREG, S_IFBLK: true
        // /dev/null and the like.
        case S_IFCHR: isatty(STDOUT_FILENO) == 0
        default: false
        }
    }

    /// Whether the terminal understands the sequence that erases the line.
    private static var canErase: Bool {
        guard let kind = getenv("TERM").map({ String(cString: $0) }) else { return false }
        return !kind.isEmpty && kind != "dumb"
    }

    /// - Parameter isWanted: Whether the progress line is shown; outages are reported anyway.
    init(isWanted: Bool, inputSize: Int?) {
        self.isWanted = isWanted
        text = ProgressText(size: inputSize)
        nextDrawing = .now + Self.patience
        if isWanted { ProgressEraser.arm() }
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
        guard !current.isTold, current.since.duration(to: .now) >= Self.shortOutage else { return }
        outage?.isTold = true
        wipe()
        Message.print("\(reason.briefly); trying again")
    }

    /// Takes the line away; to be called before anything else is printed.
    func wipe() { ProgressEraser.wipe() }

    private func draw(_ text: String) {
        // In the background the terminal belongs to the shell.
        guard tcgetpgrp(STDERR_FILENO) == getpgrp(), ProgressEraser.isWritable else { return }
        var size = winsize()
        let known = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1
        // One column is left free: a full line would wrap on some terminals.
        let width = known ? Int(size.ws_col) - 1 : 79
        ProgressEraser.willDraw()
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
