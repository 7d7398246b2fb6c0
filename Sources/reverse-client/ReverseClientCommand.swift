import ArgumentParser
import Glibc
import ReverseClient
import ReverseCore

/// The command: reads flags and environment, chooses the mode, turns errors into a sentence and an exit code.
@main struct ReverseClientCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reverse-client",
        abstract: "Send lines to a reversed server and print them back reversed.",
        discussion: """
            With TEXT, each TEXT is one line and its answer one line of the output. Without, the lines come from \
            standard input: on a terminal they are asked for one by one ("exit" or Ctrl-D leaves), from a file or a \
            pipe all of them are sent and answered as they come.

            EXAMPLES:
              reverse-client ADVANCE
              reverse-client -- -starts-with-a-dash "two words"
              printf 'one\\ntwo\\n' | reverse-client
              reverse-client -H '[::1]:5000' < lines.txt > reversed.txt
              reverse-client --ping --count 2 --interval 100ms

            EXIT CODES:
              0 all answered   64 usage   65 line too long   69 cannot connect
              74 input or output failed   75 timed out, or retried in vain
              76 short or wrong answer   130 Ctrl-C
            """,
        version: "reverse-client 1.1.0\nUnicode \(GraphemeCluster.unicodeVersion) (grapheme clusters)"
    )

    @OptionGroup(title: "Server") var destination: Destination
    @OptionGroup(title: "Patience") var patience: Patience
    @OptionGroup(title: "Ping") var pinging: PingOptions

    @Flag(help: "Print JSON, one object a line: the answers to TEXT, or the pings.")
    var json = false

    @Flag(
        inversion: .prefixedNo,
        help: "Show the progress of a stream on the terminal (default: when the answers go elsewhere)."
    )
    var progress: Bool?

    @Argument(help: "A line to reverse. Write -- before a TEXT that begins with a dash.")
    var text: [String] = []

    static func main() {
        // A reader that goes away is an error of write(2), not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        let arguments = RawArguments()
        do {
            var command = try parseAsRoot(arguments.forParser)
            if let command = command as? ReverseClientCommand {
                try command.run(lines: arguments.bytes(of: command.text))
            } else {
                try command.run()
            }
        } catch let error as ClientError {
            Message.print(error.description)
            Glibc.exit(error.exitCode)
        } catch {
            exit(withError: error)
        }
    }

    mutating func validate() throws {
        _ = try destination.endpoint()
        if pinging.ping && !text.isEmpty {
            throw ValidationError("--ping sends lines of its own: leave TEXT out")
        }
        if json && text.isEmpty && !pinging.ping {
            throw ValidationError("--json is for TEXT and --ping; the answers of a stream are lines already")
        }
    }

    private func run(lines: [[UInt8]]) throws {
        let endpoint = try destination.endpoint()
        try StandardStreams.prepare(readsInput: lines.isEmpty && !pinging.ping, endpoint: endpoint)
        Interrupt.leaves()
        if pinging.ping {
            try PingMode(endpoint: endpoint, patience: patience, options: pinging, json: json).run()
        } else if !lines.isEmpty {
            try TextMode(endpoint: endpoint, patience: patience, json: json).run(lines)
        } else if isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 {
            try PromptMode(endpoint: endpoint, timeout: patience.timeoutValue).run()
        } else {
            try StreamMode(endpoint: endpoint, patience: patience, progress: progress).run()
        }
    }
}
