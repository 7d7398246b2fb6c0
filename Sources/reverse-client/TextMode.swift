import ArgumentParser
import Glibc
import ReverseClient
import Sockets

/// The lines are arguments.
struct TextMode {
    let endpoint: Endpoint
    let patience: Patience
    let json: Bool
    /// Whether a terminal gets control characters of the answers as they are.
    let isRaw: Bool

    func run(_ lines: [[UInt8]]) throws {
        if let index = lines.firstIndex(where: { $0.contains(0x0A) }) {
            throw ValidationError(
                "TEXT number \(index + 1) contains a line feed, and a TEXT is one line: "
                    + "send several lines through a pipe, as in printf '%s\\n' one two | reverse-client"
            )
        }
        let options = patience.options(retry: .zero)
        if json {
            let answers = try Client(endpoint, options: options).reverse(lines: lines)
            let output = StandardOutput(endpoint: endpoint)
            for (line, answer) in zip(lines, answers) {
                var object = JSONObject()
                object.add("text", bytes: line)
                object.add("answer", bytes: answer)
                try output.write("\(object)\n")
            }
        } else {
            // Straight to the output: the answers before a failure are printed.
            let stream = Stream(
                to: endpoint,
                from: BytesInput(lines.flatMap { $0 + [0x0A] }),
                into: AnswerOutput.standard(isRaw: isRaw),
                options: options
            )
            try stream.run()
        }
        try StandardStreams.finish(endpoint: endpoint)
    }
}
