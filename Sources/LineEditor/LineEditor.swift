import Glibc

// LineEditor: edits one line of text at a terminal by grapheme clusters.
//
// It has the keys and their decoding, the line, the history, and the terminal's modes, and knows nothing of servers. The
// existing libraries move by code point and split clusters; docs/line-editor.md says what would replace this module.
//
// Invariants: only `LineEditor`, `Terminal` and its signals do I/O; the cursor is never inside a grapheme cluster (UAX #29, as
// in the server); the cursor is positioned by writing the text before it again, because terminals disagree on the width of
// characters; everything in a bracketed paste is text.

/// Reads lines at a terminal. Use it from one thread only.
public final class LineEditor {
    /// How reading a line ended.
    public enum Outcome: Equatable, Sendable {
        /// A line was entered. It was typed if Enter was pressed and no more text arrived with it; otherwise it was pasted.
        case line(String, isTyped: Bool)
        /// Ctrl-C: the line and pending input are discarded.
        case interrupted(hadText: Bool)
        /// Ctrl-D on an empty line, or the terminal was closed.
        case endOfInput
        /// The terminal could not be read, or its modes not be changed: the `errno`.
        case failed(Int32)
    }

    /// A descriptor that is polled while the user types.
    public struct Watch {
        let descriptor: () -> Int32
        let ready: () -> String?

        /// Creates a watch.
        ///
        /// - Parameters:
        ///   - descriptor: The descriptor to poll for input; -1 for none.
        ///   - ready: Called when it is readable. A returned sentence is printed above the prompt.
        public init(descriptor: @escaping () -> Int32, ready: @escaping () -> String?) {
            self.descriptor = descriptor
            self.ready = ready
        }
    }

    /// The most bytes that are read ahead while a line is being answered.
    private static let mostAhead = 16 << 20
    /// A terminal sends a paste without pauses. After a pause of this length, input is typed again.
    private static let longestPause = Duration.seconds(1)
    /// How many keys ahead to look for text that arrived together with a key.
    private static let keysTogether = 100
    /// How long to wait for a report of the cursor position, in milliseconds.
    private static let reportPatience: Int32 = 150

    private let terminal: Terminal
    private let now: () -> ContinuousClock.Instant
    private var decoder = KeyDecoder()
    /// Keys that were decoded and not handled yet.
    private var keys: ArraySlice<Key> = []
    private var bytesAhead = 0
    private var lastInput: ContinuousClock.Instant
    /// The outcome of a pending Ctrl-C.
    private var interrupt: Outcome?
    /// Why no more lines can be read.
    private var ending: Outcome?
    /// Whether the terminal reflows rows when its window becomes narrower; nil if unknown.
    private var reflows = false
    private var history: History

    /// Creates an editor on a terminal. It changes the terminal's modes from the first line until `close`.
    ///
    /// - Parameters:
    ///   - now: The clock, for tests.
    public init(
        input: Int32,
        output: Int32,
        history: History,
        now: @escaping () -> ContinuousClock.Instant = { .now }
    ) {
        terminal = Terminal(input: input, output: output)
        self.history = history
        self.now = now
        lastInput = now()
    }

    /// Restores the terminal. The rest of a paste in progress is discarded.
    public func close() { terminal.endEditing(pasteMatched: decoder.pasteMatched) }

    /// Returns and clears the last problem with the history file: a sentence without a full stop.
    public func takeHistoryProblem() -> String? { history.takeProblem() }

    /// Reads pending input while no line is being read. Returns whether Ctrl-C was pressed or SIGINT arrived; `discardInput`
    /// clears that.
    public func noticeInterrupt() -> Bool {
        guard terminal.isEditing else { return false }
        readAhead()
        return interrupt != nil || ending != nil || TerminalSignals.isInterrupted
    }

    /// Discards pending keys and the rest of a paste in progress.
    public func discardInput() {
        interrupt = nil
        TerminalSignals.forgetInterrupt()
        keys = []
        decoder.dropPaste()
    }

    /// Reads one line.
    ///
    /// - Parameters:
    ///   - prompt: The text before the line, without control characters.
    ///   - watch: A descriptor to poll meanwhile.
    public func readLine(prompt: String, watch: Watch) -> Outcome {
        if let ending { return ending }
        guard terminal.beginEditing() else { return errno == EIO ? .endOfInput : .failed(errno) }
        if TerminalSignals.takeContinuation() { _ = terminal.resumeEditing() }
        var reading = Reading(session: EditSession(history: history.entries), prompt: prompt)
        terminal.write(reading.begin(columns: terminal.columns))
        while true {
            if let outcome = interrupt {
                interrupt = nil
                terminal.write("^C\n")
                return reading.isEmpty ? outcome : .interrupted(hadText: true)
            }
            while let key = keys.popFirst() {
                if let outcome = perform(reading.session.handle(key), &reading) { return outcome }
            }
            bytesAhead = 0
            // It arrived while no line was being read.
            if TerminalSignals.takeStop() { suspend(&reading) }
            terminal.write(reading.refresh(columns: terminal.columns))
            switch terminal.wait(watching: watch.descriptor(), milliseconds: -1) {
            case .input(let bytes): take(bytes)
            case .ended(let code):
                end(code)
                terminal.write("\n")
                return ending ?? .endOfInput
            case .watched:
                guard let sentence = watch.ready() else { continue }
                terminal.write("\r\u{1B}[J\(sentence)\n" + reading.begin(columns: terminal.columns))
            case .timedOut: break
            case .interrupted: if let outcome = signalled(&reading) { return outcome }
            }
        }
    }

    private func perform(_ action: EditSession.Action, _ reading: inout Reading) -> Outcome? {
        switch action {
        case .none: break
        case .bell:
            reading.isStale = true
            terminal.write("\u{7}")
        case .redraw: reading.isStale = true
        case .submit(let line, let isPasted):
            terminal.write(reading.end())
            history.add(line)
            return .line(line, isTyped: !isPasted && !isFollowedByText())
        case .endOfInput:
            // Ctrl-D in the middle of a paste does not end the input.
            if isFollowedByText() { break }
            terminal.write("\n")
            return .endOfInput
        case .clearScreen:
            terminal.write("\u{1B}[H\u{1B}[2J" + reading.begin(columns: terminal.columns))
        case .suspend: if !isFollowedByText() { suspend(&reading) }
        }
        return nil
    }

    private func signalled(_ reading: inout Reading) -> Outcome? {
        if TerminalSignals.isInterrupted {
            let hadText = !reading.isEmpty
            discardInput()
            terminal.write("^C\n")
            return .interrupted(hadText: hadText)
        }
        if TerminalSignals.takeContinuation() { _ = terminal.resumeEditing() }
        if TerminalSignals.takeStop() {
            suspend(&reading)
        } else {
            let rows = rowsAboveCursor(reading)
            let up = rows > 0 ? "\u{1B}[\(rows)A" : ""
            terminal.write(up + reading.redraw(columns: terminal.columns))
        }
        return nil
    }

    private func suspend(_ reading: inout Reading) {
        terminal.endEditing(pasteMatched: decoder.pasteMatched)
        decoder.endPaste()
        raise(SIGTSTP)
        _ = terminal.beginEditing()
        terminal.write(reading.redraw(columns: terminal.columns))
    }

    /// The number of rows of the line above the cursor after a change of the window's size.
    ///
    /// When a window becomes narrower, some terminals reflow rows and others cut them off. If that matters, the terminal is asked
    /// for the column of its cursor (DSR), which is the last column in a row that was cut off.
    private func rowsAboveCursor(_ reading: Reading) -> Int {
        let column = reading.view.cursorColumn
        guard column >= terminal.columns else { return 0 }
        terminal.write("\u{1B}[6n")
        while true {
            switch terminal.wait(watching: -1, milliseconds: Self.reportPatience) {
            case .input(let bytes):
                take(bytes)
                for index in keys.indices {
                    guard case .cursorReport(_, let reported) = keys[index] else { continue }
                    keys.remove(at: index)
                    let columns = terminal.columns
                    let isBroken = reported - 1 == column % columns
                    // If both kinds of terminal would report the same, use what is known about this one.
                    if isBroken && reported < columns { reflows = true }
                    return isBroken && reflows ? column / columns : 0
                }
            case .interrupted: continue
            case .ended(let code):
                end(code)
                return 0
            case .timedOut, .watched: return 0
            }
        }
    }
}

// MARK: - Input

extension LineEditor {
    private func take(_ bytes: [UInt8]) {
        let instant = now()
        let isLate = lastInput.duration(to: instant) > Self.longestPause
        lastInput = instant
        // The end mark was lost. A key that is pressed now is not part of the paste.
        if isLate && (decoder.isDroppingPaste || bytes == [0x03]) { decoder.endPaste() }
        bytesAhead += bytes.count
        let new = decoder.decode(bytes)
        TerminalSignals.note(pasteMatched: decoder.pasteMatched)
        guard let last = new.lastIndex(of: .interrupt) else {
            keys += new
            return
        }
        // Like the terminal driver (termios(3), NOFLSH), Ctrl-C also discards earlier input.
        let hadText = (keys + new[..<last]).contains { $0.isText }
        interrupt = .interrupted(hadText: hadText)
        keys = new[(last + 1)...]
    }

    private func end(_ code: Int32?) { ending = code.map { .failed($0) } ?? .endOfInput }

    /// Reads available input without waiting.
    private func readAhead() {
        while ending == nil && bytesAhead < Self.mostAhead {
            switch terminal.wait(watching: -1, milliseconds: 0) {
            case .input(let bytes): take(bytes)
            case .ended(let code): end(code)
            case .timedOut, .watched, .interrupted: return
            }
        }
    }

    /// Whether more text arrived together with the current key, because it was pasted or sent by a program.
    private func isFollowedByText() -> Bool {
        readAhead()
        return keys.prefix(Self.keysTogether).contains { $0.isText } || decoder.isPasting
    }
}

/// A line being read: its editing state, and how the terminal shows it.
private struct Reading {
    var session: EditSession
    let prompt: String
    var view = LineView()
    /// Whether the drawn line is out of date.
    var isStale = false {
        didSet { if isStale { view.invalidate() } }
    }

    var isEmpty: Bool { session.buffer.clusters.isEmpty }
    private var shownPrompt: String { session.search?.prompt ?? prompt }

    mutating func begin(columns: Int) -> String {
        isStale = false
        return view.begin(shownPrompt, session.buffer, columns: columns)
    }

    mutating func redraw(columns: Int) -> String {
        isStale = false
        return view.draw(shownPrompt, session.buffer, columns: columns, clearsBelow: true)
    }

    mutating func refresh(columns: Int) -> String {
        guard isStale else { return "" }
        isStale = false
        return view.draw(shownPrompt, session.buffer, columns: columns)
    }

    /// Draws the line for the last time.
    func end() -> String { view.end(prompt, session.buffer) }
}
