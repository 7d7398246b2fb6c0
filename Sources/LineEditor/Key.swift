/// What a person pressed.
enum Key: Equatable, Sendable {
    /// Text to be inserted; without line ends.
    case text(String)
    case enter, left, right, up, down, home, end, wordLeft, wordRight
    case backspace, delete, deleteWord, deleteToStart, deleteToEnd, yank
    case clearScreen, interrupt, endOfInput, suspend
    /// A key without a meaning here.
    case unknown
}
