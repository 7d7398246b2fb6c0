import Sockets
import TextEscaping

/// Arguments and paths: bytes converted to text and back are the same, and the text that is shown has one line.
func checkArguments(_ input: [UInt8]) {
    let text = ByteText.text(input)
    require(ByteText.bytes(text) == input, "the conversion back gives other bytes")
    let shown = PrintableText.escape(ByteText.shown(text))
    require(
        shown.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F },
        "a control character is shown"
    )
    require(!ByteText.holdsOther(shown), "a byte is shown as a private character")
    require(PrintableText.excerpt(text).utf8.count <= 200, "an excerpt is too long")
}
