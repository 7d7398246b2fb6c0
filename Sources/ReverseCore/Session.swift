import Glibc

/// One client's conversation: bytes in, actions out, no socket in sight.
///
/// The owner keeps one buffer. It appends what arrived behind the bytes that the last step left over, hands the whole
/// to `received(_:)`, sends as many bytes from its front as the step says, and keeps the rest. Answers are made in
/// place, so a step neither allocates nor copies. However the stream is cut, the answers are the same.
public struct Session: Sendable {
    /// Why a conversation is over.
    public enum Ending: Equatable, Sendable {
        /// The client sent its end-of-file, and everything before it is answered.
        case endOfFile
        /// A line grew beyond the limit. What came before it is answered, itself not.
        case lineTooLong
    }

    /// What to do now.
    public struct Step: Equatable, Sendable {
        /// How many bytes at the front of the buffer are answers, to be sent in order. The rest is kept.
        public var answered: Int
        /// How many requests (lines or chunks) these bytes answer.
        public var requests: Int
        /// When set, nothing is read any more: the answers are sent, then the conversation ends.
        public var ending: Ending?
    }

    private enum State {
        /// The first `scanned` bytes of the buffer are a partial line without a terminator.
        case open(scanned: Int)
        case ended(Ending)
    }

    /// The most bytes that a chunk has, as in the original's `recv(1024)`.
    public static let chunkBytes = 1024

    /// The most bytes that a line may have, its terminator not counted. A new value holds from the next step on.
    public var maximumLineBytes: Int

    private let framing: Framing
    private let unit: ReversalUnit
    private var state = State.open(scanned: 0)

    /// Begins a conversation.
    ///
    /// - Parameters:
    ///   - framing: What makes a request.
    ///   - unit: What stays whole in an answer.
    ///   - maximumLineBytes: At least 1. Chunks are not limited by it.
    public init(framing: Framing, unit: ReversalUnit, maximumLineBytes: Int) {
        self.framing = framing
        self.unit = unit
        self.maximumLineBytes = maximumLineBytes
    }

    /// Takes the bytes that the last step left over, followed by those that have arrived since, and adds what it answers
    /// to `tally`.
    public mutating func received(_ buffer: UnsafeMutableRawBufferPointer, tally: inout LineTally) -> Step {
        switch state {
        case .ended(let ending): Step(answered: 0, requests: 0, ending: ending)
        case .open(let scanned):
            switch framing {
            case .line: receivedLines(buffer, scanned: min(scanned, buffer.count), &tally)
            case .chunk: receivedChunks(buffer, &tally)
            }
        }
    }

    /// As above, where nobody counts.
    public mutating func received(_ buffer: UnsafeMutableRawBufferPointer) -> Step {
        var tally = LineTally()
        return received(buffer, tally: &tally)
    }

    /// The client's end-of-file: an unterminated last line, which is all that `buffer` holds, is answered without a
    /// terminator.
    ///
    /// When the *server* ends the conversation this is not called, and the partial line is dropped: half a line
    /// reversed would be a wrong answer.
    public mutating func receivedEndOfFile(
        _ buffer: UnsafeMutableRawBufferPointer,
        tally: inout LineTally
    ) -> Step {
        if case .ended(let ending) = state { return Step(answered: 0, requests: 0, ending: ending) }
        guard buffer.count <= maximumLineBytes else { return end(.lineTooLong, answered: 0, requests: 0) }
        let path = unit.reverseReportingPath(buffer)
        if !buffer.isEmpty { tally.add(buffer.count, path) }
        return end(.endOfFile, answered: buffer.count, requests: buffer.isEmpty ? 0 : 1)
    }

    /// As above, where nobody counts.
    public mutating func receivedEndOfFile(_ buffer: UnsafeMutableRawBufferPointer) -> Step {
        var tally = LineTally()
        return receivedEndOfFile(buffer, tally: &tally)
    }

    private mutating func receivedLines(
        _ buffer: UnsafeMutableRawBufferPointer,
        scanned: Int,
        _ tally: inout LineTally
    ) -> Step {
        var line = 0  // where the line begins that is looked at
        var from = scanned  // where its unscanned part begins
        var requests = 0
        while let terminator = Self.lineFeed(in: buffer, from: from) {
            let end =
                terminator > line && buffer[terminator - 1] == UInt8(ascii: "\r")
                ? terminator - 1 : terminator
            guard end - line <= maximumLineBytes else {
                return self.end(.lineTooLong, answered: line, requests: requests)
            }
            let path = unit.reverseReportingPath(UnsafeMutableRawBufferPointer(rebasing: buffer[line..<end]))
            tally.add(end - line, path)
            requests += 1
            line = terminator + 1
            from = line
        }
        let partial = buffer.count - line
        // A CR at the end may yet turn out to be the terminator's.
        let isUndecided = partial > 0 && buffer[buffer.count - 1] == UInt8(ascii: "\r")
        guard partial - (isUndecided ? 1 : 0) <= maximumLineBytes else {
            return end(.lineTooLong, answered: line, requests: requests)
        }
        state = .open(scanned: partial)
        return Step(answered: line, requests: requests, ending: nil)
    }

    private func receivedChunks(_ buffer: UnsafeMutableRawBufferPointer, _ tally: inout LineTally) -> Step {
        var start = 0
        var requests = 0
        while start < buffer.count {
            let end = min(start + Self.chunkBytes, buffer.count)
            let path = unit.reverseReportingPath(UnsafeMutableRawBufferPointer(rebasing: buffer[start..<end]))
            tally.add(end - start, path)
            requests += 1
            start = end
        }
        return Step(answered: buffer.count, requests: requests, ending: nil)
    }

    private mutating func end(_ ending: Ending, answered: Int, requests: Int) -> Step {
        state = .ended(ending)
        return Step(answered: answered, requests: requests, ending: ending)
    }

    /// The index of the first LF at or after `from`, nil if there is none.
    @inline(__always)
    private static func lineFeed(in buffer: UnsafeMutableRawBufferPointer, from: Int) -> Int? {
        // Bounds: memchr reads count - from bytes from base + from, and only if that is more than none.
        guard from < buffer.count, let base = buffer.baseAddress,
            let found = memchr(base + from, Int32(UInt8(ascii: "\n")), buffer.count - from)
        else { return nil }
        return UnsafeRawPointer(found) - UnsafeRawPointer(base)
    }
}
