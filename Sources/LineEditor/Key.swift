/// What a person pressed.
enum Key: Equatable, Sendable {
    /// Text to be inserted; without line feeds.
    case text(String)
    case enter
    /// A line end inside of a bracketed paste.
    case pastedEnter
    case left, right, up, down, home, end, wordLeft, wordRight, firstLine, lastLine
    case backspace, delete, deleteWord, deleteWordForward, deleteToStart, deleteToEnd, yank
    case transpose, undo, undoAll, searchBackward, searchForward, cancel
    case clearScreen, interrupt, endOfInput, suspend
    /// The terminal's answer to the question where the cursor stands, both counted from 1.
    case cursorReport(row: Int, column: Int)
    /// A key without a meaning here.
    case unknown
}
