import Sockets

/// A client for programs that have all lines in memory.
///
/// ```swift
/// import ReverseClient
/// import Sockets
/// ```
/// ```swift
/// let client = Client(.internet(host: "localhost", port: 5_000))
/// print(try client.reverse("ADVANCE"))  // ECNAVDA
/// ```
///
/// Each call opens its own connection and blocks until all answers have arrived.
public struct Client: Sendable {
    /// The server.
    public var endpoint: Endpoint
    /// Timeout, retry and limits of each call.
    public var options: Stream.Options

    /// Creates a client. It connects with the first call.
    public init(_ endpoint: Endpoint, options: Stream.Options = Stream.Options()) {
        self.endpoint = endpoint
        self.options = options
    }

    /// Returns the answers to `lines` without terminators, in the same order and of the same lengths.
    ///
    /// - Parameter lines: Bytes without a line feed. A line that contains one is answered as two lines.
    public func reverse(lines: [[UInt8]]) throws(ClientError) -> [[UInt8]] {
        var request: [UInt8] = []
        request.reserveCapacity(lines.reduce(0) { $0 + $1.count + 1 })
        for line in lines {
            request += line
            request.append(0x0A)
        }
        let output = BytesOutput()
        try Stream(to: endpoint, from: BytesInput(request), into: output, options: options).run()
        // Each answer is as long as its line, so it has the same position.
        var answers: [[UInt8]] = []
        answers.reserveCapacity(lines.count)
        var start = 0
        for line in lines {
            answers.append(Array(output.bytes[start..<(start + line.count)]))
            start += line.count + 1
        }
        return answers
    }

    /// Returns the answer to one line of text.
    public func reverse(_ line: String) throws(ClientError) -> String {
        let answers = try reverse(lines: [Array(line.utf8)])
        return String(decoding: answers.first ?? [], as: UTF8.self)
    }
}
