import Glibc
import LineEditor
import ReverseClient
import Sockets

/// Standard output for answers that come as bytes.
enum AnswerOutput {
    /// A pipe or a file gets every byte; a terminal is shown control characters, unless `isRaw`.
    static func standard(isRaw: Bool) -> any OutputPort {
        let output = DescriptorOutput(STDOUT_FILENO, name: "the answers")
        return isRaw || isatty(STDOUT_FILENO) == 0 ? output : TerminalOutput(output)
    }
}

/// An output to a terminal, which shows control characters and does not obey them.
final class TerminalOutput: OutputPort {
    /// What is made visible at once.
    private static let pieceSize = 4096

    private let output: any OutputPort
    private var filter = VisibleText()
    /// What is made of the next bytes of the answers and not written yet, and how many bytes these are.
    private var pending: ArraySlice<UInt8> = []
    private var taken = 0

    init(_ output: any OutputPort) { self.output = output }

    var pollDescriptor: Int32? { output.pollDescriptor }
    var mustPollFirst: Bool { output.mustPollFirst }

    /// Takes bytes once all that is made of them is written; until then the same bytes are offered again.
    func write(_ buffer: UnsafeRawBufferPointer) throws(SystemError) -> Int? {
        if pending.isEmpty {
            taken = min(buffer.count, Self.pieceSize)
            // 0xC2 begins the characters of C1. It is looked at together with the byte after it.
            if taken > 1, taken < buffer.count, buffer[taken - 1] == 0xC2 { taken -= 1 }
            pending = filter.visible(buffer.prefix(taken))[...]
        }
        repeat {
            guard let count = try write(pending) else { return nil }
            pending = pending.dropFirst(count)
        } while !pending.isEmpty && !mustPollFirst
        return pending.isEmpty ? taken : nil
    }

    private func write(_ bytes: ArraySlice<UInt8>) throws(SystemError) -> Int? {
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(SystemError) in try output.write(buffer) }
        }
        return try result.get()
    }
}
