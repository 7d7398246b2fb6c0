import Glibc

/// The session of one client: bytes in, actions out, no socket.
///
/// The owner has one buffer. It appends the bytes that arrive to those that the last step did not answer, passes the buffer to
/// `received(_:)`, sends the answered bytes from its front, and keeps the others. Answers are made in place, so a step neither
/// allocates nor copies. The answers do not depend on how the stream is divided into calls.
public struct Session: Sendable {
    /// Why a session ends.
    public enum Ending: Equatable, Sendable {
        /// The client sent its end-of-file, and everything before it is answered.
        case endOfFile
        /// A line is too long. The lines before it are answered, this one is not.
        case lineTooLong
    }

    /// What the owner must do after a call.
    public struct Step: Equatable, Sendable {
        /// How many bytes at the front of the buffer are answers to send. Keep the others.
        public var answered: Int
        /// How many requests (lines or chunks) are answered.
        public var requests: Int
        /// If set, read no more, send the answers, then end the connection.
        public var ending: Ending?
    }

    private enum State {
        /// The first `scanned` bytes of the buffer are an incomplete line without a terminator.
        case open(scanned: Int)
        case ended(Ending)
    }

    /// The maximum length of a chunk in bytes, as in `recv(1024)` of the original server.
    public static let chunkBytes = 1024

    /// The maximum length of a line in bytes, without its terminator. A change applies from the next step on.
    public var maximumLineBytes: Int

    /// How the stream is divided into requests.
    public let framing: Framing
    /// The unit of reversal.
    public let unit: ReversalUnit
    private var state = State.open(scanned: 0)

    /// Makes a session.
    ///
    /// - Parameters:
    ///   - framing: How the stream is divided into requests.
    ///   - unit: The unit of reversal.
    ///   - maximumLineBytes: At least 1. It does not apply to chunks.
    public init(framing: Framing, unit: ReversalUnit, maximumLineBytes: Int) {
        self.framing = framing
        self.unit = unit
        self.maximumLineBytes = maximumLineBytes
    }

    /// Processes the bytes that the last step did not answer, followed by those that have arrived since, and adds the answered
    /// lines to `tally`.
    public mutating func received(_ buffer: UnsafeMutableRawBufferPointer, tally: inout LineTally) -> Step {
        switch state {
        case .ended(let ending): Step(answered: 0, requests: 0, ending: ending)
        case .open(let scanned):
            switch framing {
            case .line: unsafe receivedLines(buffer, scanned: min(scanned, buffer.count), &tally)
            case .chunk: unsafe receivedChunks(buffer, &tally)
            }
        }
    }

    /// Like the function above, without counting.
    public mutating func received(_ buffer: UnsafeMutableRawBufferPointer) -> Step {
        var tally = LineTally()
        return unsafe received(buffer, tally: &tally)
    }

    /// Processes the client's end of file. `buffer` has an unterminated last line, which is answered without a terminator.
    ///
    /// Do not call it if the server ends the connection: the incomplete line has no correct answer.
    public mutating func receivedEndOfFile(
        _ buffer: UnsafeMutableRawBufferPointer,
        tally: inout LineTally
    ) -> Step {
        if case .ended(let ending) = state { return Step(answered: 0, requests: 0, ending: ending) }
        guard buffer.count <= maximumLineBytes else { return end(.lineTooLong, answered: 0, requests: 0) }
        let path = unsafe unit.reverseReportingPath(buffer)
        if unsafe !buffer.isEmpty { tally.add(buffer.count, path) }
        return unsafe end(.endOfFile, answered: buffer.count, requests: buffer.isEmpty ? 0 : 1)
    }

    /// Like the function above, without counting.
    public mutating func receivedEndOfFile(_ buffer: UnsafeMutableRawBufferPointer) -> Step {
        var tally = LineTally()
        return unsafe receivedEndOfFile(buffer, tally: &tally)
    }

    private mutating func receivedLines(
        _ buffer: UnsafeMutableRawBufferPointer,
        scanned: Int,
        _ tally: inout LineTally
    ) -> Step {
        var line = 0  // the start of the current line
        var from = scanned  // the start of its unscanned part
        var requests = 0
        while let terminator = unsafe Self.lineFeed(in: buffer, from: from) {
            let end =
                unsafe terminator > line && buffer[terminator - 1] == UInt8(ascii: "\r")
                ? terminator - 1 : terminator
            guard end - line <= maximumLineBytes else {
                return self.end(.lineTooLong, answered: line, requests: requests)
            }
            let path = unsafe unit.reverseReportingPath(
                UnsafeMutableRawBufferPointer(rebasing: buffer[line..<end])
            )
            tally.add(end - line, path)
            requests += 1
            line = terminator + 1
            from = line
        }
        let partial = buffer.count - line
        // A CR at the end may be part of the terminator.
        let isUndecided = unsafe partial > 0 && buffer[buffer.count - 1] == UInt8(ascii: "\r")
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
            let path = unsafe unit.reverseReportingPath(
                UnsafeMutableRawBufferPointer(rebasing: buffer[start..<end])
            )
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
        // Bounds: memchr reads count - from bytes from base + from, and is called only if that is more than 0.
        guard from < buffer.count, let base = buffer.baseAddress,
            let found = unsafe memchr(base + from, Int32(UInt8(ascii: "\n")), buffer.count - from)
        else { return nil }
        return unsafe UnsafeRawPointer(found) - UnsafeRawPointer(base)
    }
}
