/// A key or a report of the terminal.
enum Key: Equatable, Sendable {
    /// Text to insert, without line feeds.
    case text(String)
    case enter
    /// A line end in a bracketed paste.
    case pastedEnter
    case left, right, up, down, home, end, wordLeft, wordRight, firstLine, lastLine
    case backspace, delete, deleteWord, deleteWordForward, deleteToStart, deleteToEnd, yank
    case transpose, undo, undoAll, searchBackward, searchForward, cancel
    case clearScreen, interrupt, endOfInput, suspend
    /// The terminal's report of the cursor position, both counted from 1.
    case cursorReport(row: Int, column: Int)
    /// A key without a function.
    case unknown
}
