import Glibc
import ReverseClient
import Synchronization

/// Shows on the terminal how a stream gets on: a line that is redrawn, and a word about an outage.
final class ProgressLine: StreamObserver {
    private static let pause = Duration.milliseconds(200)
    /// Work that is done before is not worth a line.
    private static let patience = Duration.milliseconds(600)
    /// Shorter outages are over before anyone has read of them.
    private static let shortOutage = Duration.milliseconds(150)

    private let showsLine: Bool
    private var text: ProgressText
    private var nextDrawing: ContinuousClock.Instant
    private var isDrawn = false
    private var outage: (since: ContinuousClock.Instant, lines: Int, isTold: Bool)?
    private var lines = 0

    /// - Parameter showsLine: Whether the progress line is wanted; outages are told anyway.
    init(showsLine: Bool, inputSize: Int?) {
        self.showsLine = showsLine
        text = ProgressText(size: inputSize)
        nextDrawing = .now + Self.patience
    }

    var interval: Duration? { showsLine ? Self.pause : nil }

    func streamMoved(to progress: StreamProgress, at now: ContinuousClock.Instant) {
        lines = progress.linesAnswered
        if let outage, lines > outage.lines { self.outage = nil }
        guard showsLine, now >= nextDrawing else { return }
        nextDrawing = now + Self.pause
        draw(text.text(progress, at: now))
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
    func wipe() {
        guard isDrawn else { return }
        Message.write("\r\u{1B}[K")
        isDrawn = false
        Interrupt.setProgress(isShown: false)
    }

    private func draw(_ text: String) {
        var size = winsize()
        let known = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1
        // One column is left free: a full line would wrap on some terminals.
        let width = known ? Int(size.ws_col) - 1 : 79
        Interrupt.setProgress(isShown: true)
        isDrawn = true
        Message.write("\r\(text.prefix(width))\u{1B}[K")
    }
}

extension ClientError.Reason {
    /// The beginning of a sentence.
    var briefly: String {
        switch self {
        case .cannotConnect(let reason, _): "cannot connect (\(reason))"
        case .timedOut: "no answer in time"
        default: "the connection was lost"
        }
    }
}
