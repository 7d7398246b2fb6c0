import Glibc
import LineEditor
import ReverseClient
import Sockets

/// Standard output for streams of answers.
enum AnswerOutput {
    /// A pipe or a file gets the bytes unchanged. On a terminal control characters are shown as text, unless `isRaw`.
    static func standard(isRaw: Bool) -> any OutputPort {
        let output = DescriptorOutput(STDOUT_FILENO, name: "the answers")
        return isRaw || isatty(STDOUT_FILENO) == 0 ? output : TerminalOutput(output)
    }
}

/// An output to a terminal that shows control characters as text.
final class TerminalOutput: OutputPort {
    /// How many bytes are converted at a time.
    private static let pieceSize = 4096

    private let output: any OutputPort
    private var filter = VisibleText()
    /// Converted text that is not written yet, and the number of bytes that it was made from.
    private var pending: ArraySlice<UInt8> = []
    private var taken = 0

    init(_ output: any OutputPort) { self.output = output }

    var pollDescriptor: Int32? { output.pollDescriptor }
    var mustPollFirst: Bool { output.mustPollFirst }

    /// Reports bytes as taken when their converted text is written. Until then the caller offers the same bytes again.
    func write(_ buffer: UnsafeRawBufferPointer) throws(SystemError) -> Int? {
        if pending.isEmpty {
            taken = min(buffer.count, Self.pieceSize)
            // 0xC2 starts the C1 characters, so it is converted together with the next byte.
            if taken > 1, taken < buffer.count, unsafe buffer[taken - 1] == 0xC2 { taken -= 1 }
            pending = unsafe filter.visible(buffer.prefix(taken))[...]
        }
        repeat {
            guard let count = try write(pending) else { return nil }
            pending = pending.dropFirst(count)
        } while !pending.isEmpty && !mustPollFirst
        return pending.isEmpty ? taken : nil
    }

    private func write(_ bytes: ArraySlice<UInt8>) throws(SystemError) -> Int? {
        let result = unsafe bytes.withUnsafeBytes { buffer in
            Result { () throws(SystemError) in try unsafe output.write(buffer) }
        }
        return try result.get()
    }
}
