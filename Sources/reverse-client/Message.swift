import CommandSupport
import TextEscaping

/// Messages on standard error.
enum Message {
    /// Prints `reverse-client: sentence`, with text from a server or the command line escaped.
    static func print(_ sentence: String) {
        write("reverse-client: \(PrintableText.escape(sentence))\n")
    }

    /// Writes the text unchanged. Errors are ignored, because there is nowhere to report them.
    static func write(_ text: String) { writeMessage(text) }
}
