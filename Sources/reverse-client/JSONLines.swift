import Glibc
import ReverseClient
import Sockets

/// Answers as JSON objects, one a line, each with the text that was asked.
///
/// It stands on both sides of a stream: it keeps the bytes that are read until their answers come. An answer has as
/// many bytes as its line, so the line says where the answer ends, whatever bytes it has.
final class JSONLines {
    private let inner: any InputPort
    /// What was read and is not answered, from `start` on.
    private var asked: [UInt8] = []
    private var start = 0
    /// What is known of the answer to the oldest line.
    private var answer: [UInt8] = []

    init(_ inner: any InputPort) { self.inner = inner }

    /// The side from which the stream reads.
    var source: any InputPort { Source(lines: self) }
    /// The side to which the stream writes.
    var sink: any OutputPort { Sink(lines: self) }

    private func take(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        var rest = bytes[...]
        var text: [UInt8] = []
        while !rest.isEmpty {
            // The line ends behind its line feed, or where the input ends.
            let line = asked[start...]
            let length = line.firstIndex(of: 0x0A).map { $0 + 1 - start } ?? line.count
            let part = rest.prefix(length - answer.count)
            answer += part
            rest = rest.dropFirst(part.count)
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
            let count = try lines.inner.read(into: buffer)
            lines.asked += buffer.prefix(count ?? 0)
            return count
        }
    }

    private final class Sink: OutputPort {
        let lines: JSONLines
        init(lines: JSONLines) { self.lines = lines }

        /// Polled for a reader that is gone; `write` waits by itself where it must.
        var pollDescriptor: Int32? { STDOUT_FILENO }
        var mustPollFirst: Bool { false }

        func write(_ buffer: UnsafeRawBufferPointer) throws(SystemError) -> Int? {
            try lines.take(buffer)
            return buffer.count
        }
    }
}
