import Glibc

// LineEditor: one line of text at a terminal, edited by what a person sees as one character.
//
// Here live the keys and their decoding, the text under edit, the history, and the terminal's modes. Nothing here knows
// of servers. It exists because the libraries that could have served move by code point: libedit 3.1 (Debian 12) goes
// into the middle of an é of two code points, of a flag and of an emoji family, and edits there. CONTRIBUTING.md says
// what would make us drop it.
//
// What must stay true: everything but `LineEditor`, `Terminal` and its signals is pure; the cursor never stands inside a
// grapheme cluster (UAX #29, as the server's); the cursor is put in its place by writing again what stands before it, because terminals
// disagree on how wide a character is; whatever comes in a bracketed paste is text.

/// Reads lines at a terminal. For one thread.
public final class LineEditor {
    /// What a person did with the prompt.
    public enum Outcome: Equatable, Sendable {
        /// A line was entered. It is typed when Enter was pressed and no more text came with it; otherwise it is a line of
        /// something pasted.
        case line(String, isTyped: Bool)
        /// Ctrl-C: the line is thrown away, and whatever came before and is not answered.
        case interrupted(hadText: Bool)
        /// Ctrl-D on an empty line, or the terminal is gone.
        case endOfInput
        /// The terminal could not be read, or its modes not be changed: the `errno`.
        case failed(Int32)
    }

    /// A descriptor that is looked after while a person types.
    public struct Watch {
        let descriptor: () -> Int32
        let ready: () -> String?

        /// Makes a watch.
        ///
        /// - Parameters:
        ///   - descriptor: What to poll for input; -1 for nothing.
        ///   - ready: Called when it is readable; a sentence it returns is printed above the prompt.
        public init(descriptor: @escaping () -> Int32, ready: @escaping () -> String?) {
            self.descriptor = descriptor
            self.ready = ready
        }
    }

    /// More bytes than this are not read ahead of the line that is being answered.
    private static let mostAhead = 16 << 20
    /// A terminal sends its paste without a pause; after one as long as this a person types again.
    private static let longestPause = Duration.seconds(1)
    /// So far is looked for text that came together with a key.
    private static let keysTogether = 100
    /// A terminal that says where its cursor stands says so within this many milliseconds.
    private static let reportPatience: Int32 = 150

    private let terminal: Terminal
    private let now: () -> ContinuousClock.Instant
    private var decoder = KeyDecoder()
    /// Keys that have come and are not acted upon yet.
    private var keys: ArraySlice<Key> = []
    private var bytesAhead = 0
    private var lastInput: ContinuousClock.Instant
    /// What Ctrl-C makes of the line that is read, or of the next.
    private var interrupt: Outcome?
    /// Why no more lines come.
    private var ending: Outcome?
    /// Whether the terminal is known to break its rows when its window becomes narrower.
    private var reflows = false
    private var history: History

    /// Makes an editor on a terminal, whose modes are changed from the first line until `close`.
    ///
    /// - Parameters:
    ///   - now: The clock; tests bring their own.
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

    /// Gives the terminal back as it was. The rest of a paste that is under way is thrown away.
    public func close() { terminal.endEditing(pasteMatched: decoder.pasteMatched) }

    /// What went wrong with the history's file since the last question: a sentence, without a full stop.
    public func takeHistoryProblem() -> String? { history.takeProblem() }

    /// Whether Ctrl-C was pressed, or SIGINT came, while no line is read; takes in what has been typed. `discardInput` forgets it.
    public func noticeInterrupt() -> Bool {
        guard terminal.isEditing else { return false }
        readAhead()
        return interrupt != nil || ending != nil || TerminalSignals.isInterrupted
    }

    /// Throws away what has been typed and not been acted upon, and the rest of a paste that is under way.
    public func discardInput() {
        interrupt = nil
        TerminalSignals.forgetInterrupt()
        keys = []
        decoder.dropPaste()
    }

    /// Asks for one line.
    ///
    /// - Parameters:
    ///   - prompt: Stands before the line; without control characters.
    ///   - watch: What else to look after.
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
            // Asked while nobody read a line.
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
            // A control character in the middle of a paste does not leave.
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

    /// After a change of the window's size: how many rows of the line stand above the cursor.
    ///
    /// Some terminals break the rows of a window that becomes narrower, others cut them off. Where that makes a difference
    /// the terminal is asked for the column of its cursor (DSR), which is the last one in a row that was cut off.
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
                    // Where both kinds of terminal would say the same, what is known of this one counts.
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
        // The end mark was lost: a key that a person presses is no part of the paste any more.
        if isLate && (decoder.isDroppingPaste || bytes == [0x03]) { decoder.endPaste() }
        bytesAhead += bytes.count
        let new = decoder.decode(bytes)
        TerminalSignals.note(pasteMatched: decoder.pasteMatched)
        guard let last = new.lastIndex(of: .interrupt) else {
            keys += new
            return
        }
        // As the terminal itself would do it (termios(3), NOFLSH): Ctrl-C also throws away what came before.
        let hadText = (keys + new[..<last]).contains { $0.isText }
        interrupt = .interrupted(hadText: hadText)
        keys = new[(last + 1)...]
    }

    private func end(_ code: Int32?) { ending = code.map { .failed($0) } ?? .endOfInput }

    /// Takes in what has come, without waiting.
    private func readAhead() {
        while ending == nil && bytesAhead < Self.mostAhead {
            switch terminal.wait(watching: -1, milliseconds: 0) {
            case .input(let bytes): take(bytes)
            case .ended(let code): end(code)
            case .timedOut, .watched, .interrupted: return
            }
        }
    }

    /// Whether more text came together with the key that is acted upon: it was pasted, or sent by a program.
    private func isFollowedByText() -> Bool {
        readAhead()
        return keys.prefix(Self.keysTogether).contains { $0.isText } || decoder.isPasting
    }
}

/// A line that is being read: what was made of the keys, and what the terminal shows of it.
private struct Reading {
    var session: EditSession
    let prompt: String
    var view = LineView()
    /// Whether the terminal shows something older.
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

    /// Writes the line under its prompt for the last time.
    func end() -> String { view.end(prompt, session.buffer) }
}
