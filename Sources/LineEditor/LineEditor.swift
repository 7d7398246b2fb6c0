import Glibc

// LineEditor: one line of text at a terminal, edited by what a person sees as one character.
//
// Here live the keys and their decoding, the text under edit, the history, and the terminal's modes. Nothing here knows
// of servers. It exists because the libraries that could have served move by code point: libedit 3.1 (Debian 12) goes
// into the middle of an é of two code points, of a flag and of an emoji family, and edits there.
//
// What must stay true: everything but `LineEditor` and `Terminal` is pure; the cursor never stands inside a grapheme
// cluster (UAX #29, as the server's); no code here asks how wide a terminal draws a character, because terminals
// disagree: the cursor is put in its place by writing again what stands before it.

/// Reads lines at a terminal. For one thread.
public final class LineEditor {
    /// What a person did with the prompt.
    public enum Outcome: Equatable, Sendable {
        case line(String)
        /// Ctrl-C: the line is thrown away.
        case interrupted
        /// Ctrl-D on an empty line, or the terminal is gone.
        case endOfInput
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

    private static let escapePatience: Int32 = 50

    private let terminal: Terminal
    private var decoder = KeyDecoder()
    private var keys: ArraySlice<Key> = []
    /// The lines that were entered.
    public private(set) var history: History

    /// Makes an editor on a terminal, whose modes are changed from the first line until `close`.
    public init(input: Int32, output: Int32, history: History) {
        terminal = Terminal(input: input, output: output)
        self.history = history
    }

    /// Gives the terminal back as it was.
    public func close() { terminal.endEditing() }

    /// Asks for one line.
    ///
    /// - Parameters:
    ///   - prompt: Stands before the line; one row, without control characters.
    ///   - watch: What else to look after.
    public func readLine(prompt: String, watch: Watch) -> Outcome {
        guard terminal.beginEditing() else { return .endOfInput }
        defer { terminal.pauseEditing() }
        var session = EditSession(history: history.entries)
        var view = LineView(prompt: prompt)
        terminal.write(view.begin(session.buffer, columns: terminal.columns))
        while true {
            while let key = keys.popFirst() {
                let action = session.handle(key)
                if let outcome = perform(action, session, &view) { return outcome }
            }
            switch terminal.wait(
                watching: watch.descriptor(),
                milliseconds: decoder.isWaiting ? Self.escapePatience : -1
            ) {
            case .input(let bytes): keys = decoder.decode(bytes)[...]
            case .ended:
                terminal.write("\n")
                return .endOfInput
            case .watched:
                guard let sentence = watch.ready() else { continue }
                terminal.write("\r\u{1B}[K\(sentence)\n")
                terminal.write(view.begin(session.buffer, columns: terminal.columns))
            case .timedOut: keys = decoder.giveUpWaiting()[...]
            case .interrupted: terminal.write("\r" + view.begin(session.buffer, columns: terminal.columns))
            }
        }
    }

    private func perform(_ action: EditSession.Action, _ session: EditSession, _ view: inout LineView)
        -> Outcome?
    {
        switch action {
        case .none: break
        case .bell: terminal.write("\u{7}")
        case .redraw: terminal.write(view.redraw(session.buffer, columns: terminal.columns))
        case .submit(let line):
            terminal.write(view.end(session.buffer))
            history.add(line)
            return .line(line)
        case .interrupt:
            terminal.write("^C\n")
            return .interrupted
        case .endOfInput:
            terminal.write("\n")
            return .endOfInput
        case .clearScreen:
            terminal.write("\u{1B}[H\u{1B}[2J" + view.begin(session.buffer, columns: terminal.columns))
        case .suspend:
            terminal.endEditing()
            raise(SIGTSTP)
            _ = terminal.beginEditing()
            terminal.write("\r" + view.begin(session.buffer, columns: terminal.columns))
        }
        return nil
    }
}
