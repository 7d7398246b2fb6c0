import ArgumentParser
import Glibc
import ReverseClient
import Sockets

/// Sends the TEXT arguments as lines.
struct TextMode {
    let endpoint: Endpoint
    let waiting: WaitingOptions
    let json: Bool
    /// Whether a terminal gets control characters of the answers unchanged.
    let isRaw: Bool

    func run(_ lines: [[UInt8]]) throws {
        if let index = lines.firstIndex(where: { $0.contains(0x0A) }) {
            throw ValidationError(
                "TEXT number \(index + 1) contains a line feed, and a TEXT is one line: "
                    + "send several lines through a pipe, as in printf '%s\\n' one two | reverse-client"
            )
        }
        // Answers go straight to the output, so those before a failure are printed.
        let source = BytesInput(lines.flatMap { $0 + [0x0A] })
        let objects = json ? JSONLines(source) : nil
        let stream = Stream(
            to: endpoint,
            from: objects?.source ?? source,
            into: objects?.sink ?? AnswerOutput.standard(isRaw: isRaw),
            options: waiting.options(retry: .zero)
        )
        try stream.run()
        try StandardStreams.finish(endpoint: endpoint)
    }
}
