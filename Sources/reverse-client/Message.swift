import CommandSupport
import TextEscaping

/// What a person reads on standard error.
enum Message {
    /// Prints `reverse-client: sentence`; what a server or a command line brought into it is escaped.
    static func print(_ sentence: String) {
        write("reverse-client: \(PrintableText.escape(sentence))\n")
    }

    /// Writes to standard error as it stands; where that fails nobody can be informed.
    static func write(_ text: String) { writeMessage(text) }
}
