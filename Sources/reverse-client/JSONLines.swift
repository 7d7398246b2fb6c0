import Glibc
import ReverseClient
import Sockets

/// Answers as JSON objects, one per line, each with the text that was sent.
///
/// It wraps the input and the output of a stream, and keeps the bytes that were read until their answers arrive. An answer
/// has as many bytes as its line, so the line determines where the answer ends.
final class JSONLines {
    private let inner: any InputPort
    /// Bytes that were read and not answered yet, from `start` on.
    private var asked: [UInt8] = []
    private var start = 0
    /// The part of the oldest line's answer that has arrived.
    private var answer: [UInt8] = []

    init(_ inner: any InputPort) { self.inner = inner }

    /// The input of the stream.
    var source: any InputPort { Source(lines: self) }
    /// The output of the stream.
    var sink: any OutputPort { Sink(lines: self) }

    private func take(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        var rest = unsafe bytes[...]
        var text: [UInt8] = []
        while unsafe !rest.isEmpty {
            // A line ends after its line feed, or at the end of the input.
            let line = asked[start...]
            let length = line.firstIndex(of: 0x0A).map { $0 + 1 - start } ?? line.count
            let part = unsafe rest.prefix(length - answer.count)
            unsafe answer += part
            unsafe rest = unsafe rest.dropFirst(part.count)
            guard answer.count == length else { break }
            text += Array("\(object(line.prefix(length)))\n".utf8)
            start += length
            answer.removeAll(keepingCapacity: true)
        }
        if start > asked.count / 2 {
            asked.removeFirst(start)
            start = 0
        }
        try DescriptorWriting.writeAll(text, to: STDOUT_FILENO, action: "write the answers")
    }

    private func object(_ line: ArraySlice<UInt8>) -> JSONObject {
        let end = line.suffix(2) == [0x0D, 0x0A] ? 2 : line.last == 0x0A ? 1 : 0
        var object = JSONObject()
        object.add("text", bytes: line.dropLast(end))
        object.add("answer", bytes: answer.dropLast(end))
        return object
    }

    private final class Source: InputPort {
        let lines: JSONLines
        init(lines: JSONLines) { self.lines = lines }

        var pollDescriptor: Int32? { lines.inner.pollDescriptor }

        func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int? {
            let count = try unsafe lines.inner.read(into: buffer)
            unsafe lines.asked += buffer.prefix(count ?? 0)
            return count
        }
    }

    private final class Sink: OutputPort {
        let lines: JSONLines
        init(lines: JSONLines) { self.lines = lines }

        /// Polled to detect that the reader is gone; `write` itself may block.
        var pollDescriptor: Int32? { STDOUT_FILENO }
        var mustPollFirst: Bool { false }

        func write(_ buffer: UnsafeRawBufferPointer) throws(SystemError) -> Int? {
            try unsafe lines.take(buffer)
            return buffer.count
        }
    }
}
