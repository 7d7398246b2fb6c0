/// Writes the class of every scalar as Swift source: the distinct blocks of 256 scalars, and for each
/// 256 scalars the number of their block. Both are ASCII strings, so that they lie in the program's read-only data.
struct GraphemeClassTableSource {
    private var blocks: [ArraySlice<UInt8>] = []
    private var index: [UInt8] = []
    private let unicodeVersion: String

    /// - Parameters:
    ///   - letters: The letter of the class of each of the 0x110000 code points.
    ///   - unicodeVersion: The version of Unicode that the letters belong to.
    init(letters: [UInt8], unicodeVersion: String) {
        self.unicodeVersion = unicodeVersion
        let all = stride(from: 0, to: letters.count, by: 256).map { letters[$0..<$0 + 256] }
        var uses: [ArraySlice<UInt8>: Int] = [:]
        for block in all { uses[block, default: 0] += 1 }
        // Rare blocks get the numbers below 32, which need an escape.
        for block in all where !blocks.contains(block) && uses[block] == 1 { blocks.append(block) }
        for block in all where !blocks.contains(block) { blocks.append(block) }
        precondition(blocks.count <= 127, "more than 127 distinct blocks: make them smaller")
        index = all.map { UInt8(blocks.firstIndex(of: $0) ?? 0) }
    }

    var text: String {
        """
        // Written by `make grapheme-table` from the files of the Unicode character database, version \(unicodeVersion).
        // Do not edit.

        /// The `GraphemeClass` of every scalar, as letters.
        enum GraphemeClassTable {
            /// The version of the Unicode character database that the letters are of.
            static let unicodeVersion = "\(unicodeVersion)"

            /// For each 256 scalars, which of `blocks` is theirs. A line holds 64, from U+0000 in steps of U+4000.
            static let index: StaticString = \"""
        \(lines(of: index))
                \"""

            /// Blocks of 256 letters, 64 in a line.
            static let blocks: StaticString = \"""
        \(lines(of: blocks.flatMap { $0 }))
                \"""
        }

        """
    }

    private func lines(of bytes: [UInt8]) -> String {
        stride(from: 0, to: bytes.count, by: 64)
            .map { "        " + bytes[$0..<min($0 + 64, bytes.count)].map(literal).joined() + "\\" }
            .joined(separator: "\n")
            .dropLast() + ""
    }

    private func literal(_ byte: UInt8) -> String {
        switch Unicode.Scalar(byte) {
        case "\"", "\\": "\\" + String(Unicode.Scalar(byte))
        case " "..."~": String(Unicode.Scalar(byte))
        default: "\\u{\(String(byte, radix: 16))}"
        }
    }
}
