import ArgumentParser
import CommandSupport
import Glibc
import ReverseClient
import ReverseCore
import Sockets

/// The command: reads options and environment, selects the mode, turns errors into a message and an exit code.
@main struct ReverseClientCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reverse-client",
        abstract: "Send lines to a reversed server and print them back reversed.",
        discussion: """
            Each TEXT is one line, and its answer is one line of the output. Without TEXT, the lines are read from \
            standard input: at a prompt if it is a terminal ("exit" or Ctrl-D leaves), or from a file or a pipe, and the \
            answers are written as they arrive.

            EXAMPLES:
              reverse-client ADVANCE
              reverse-client -- -starts-with-a-dash "two words"
              printf 'one\\ntwo\\n' | reverse-client
              reverse-client -H localhost:5000 < lines.txt > reversed.txt
              reverse-client --ping --count 2 --interval 100ms

            EXIT CODES:
              0 every line was answered   64 usage   65 line too long   69 cannot connect
              74 input or output failed   75 timed out, or every retry failed
              76 incomplete or wrong answer, or the server refused a line
              130 Ctrl-C (SIGINT)   141 the reader of the answers exited (SIGPIPE)

            ENVIRONMENT:
              REVERSED_HOST, REVERSED_PORT   the server if -H, -p and -U are not given
              REVERSED_HISTORY               the prompt's history file; empty for none
              REVERSED_HISTSIZE              how many lines the history keeps (1000)
              NO_COLOR                       if set, messages at the prompt have no colour
            """,
        version: "reverse-client 1.1.0\nUnicode \(GraphemeCluster.unicodeVersion) (grapheme clusters)"
    )

    @OptionGroup(title: "Server") var destination: Destination
    @OptionGroup(title: "Waiting") var waiting: WaitingOptions
    @OptionGroup(title: "Ping") var pinging: PingOptions

    @Flag(help: "Print answers, pings and an error as JSON, one object per line.")
    var json = false

    @Flag(
        help: "Send control characters of the answers to a terminal unchanged, not as text such as ^[."
    )
    var raw = false

    @Flag(
        inversion: .prefixedNo,
        help:
            "Show or hide the progress of a stream on the terminal (default: show if the answers go to a file)."
    )
    var progress: Bool?

    @Argument(help: "A line to reverse. Write -- before a TEXT that begins with a dash.")
    var text: [String] = []

    static func main() {
        let arguments = Arguments.ofProcess
        // Without SIGPIPE, write(2) reports a reader that is gone, and the progress line can be erased first.
        let ignoresPipe = ProcessSignals.isIgnored(SIGPIPE)
        signal(SIGPIPE, SIG_IGN)
        let json = arguments.forParser.prefix { $0 != "--" }.contains("--json")
        do {
            if let script = try CompletionScripts.ofProgram.requested(by: arguments.forParser) {
                exitProcess(printing: script)
            }
            let command = try parse(arguments)
            guard let command = command as? ReverseClientCommand else {
                var command = command
                return try command.run()
            }
            try command.run(lines: command.text.map(ByteText.bytes))
        } catch let error as ClientError {
            exitProcess(with: error, json: json, ignoresPipe: ignoresPipe)
        } catch {
            if json, exitCode(for: error) == .validationFailure {
                printObject(message(for: error), CommandExit.usage)
            }
            exitProcess(with: error)
        }
    }

    /// Prints an error for the program that reads the JSON. If that fails, the exit code still reports it.
    private static func printObject(_ sentence: String, _ code: Int32) {
        var object = JSONObject()
        object.add("error", ByteText.shown(sentence))
        object.add("exit_code", Int(code))
        try? DescriptorWriting.writeAll("\(object)\n".utf8, to: STDOUT_FILENO, action: "write the error")
    }

    private static func exitProcess(with error: ClientError, json: Bool, ignoresPipe: Bool) -> Never {
        switch error.reason {
        case .interrupted: ProcessSignals.terminate(by: SIGINT)
        // Like cat(1): the reader of the answers has exited.
        case .cannotWrite(let failure) where failure.code == EPIPE && !ignoresPipe:
            ProcessSignals.terminate(by: SIGPIPE)
        case .cannotWrite: break
        default: if json { printObject(error.message, error.exitCode) }
        }
        Message.print(error.message)
        Glibc.exit(error.exitCode)
    }

    mutating func validate() throws {
        _ = try destination.endpoint()
        if pinging.ping && !text.isEmpty {
            throw ValidationError("--ping sends lines of its own: leave TEXT out")
        }
    }

    private func run(lines: [[UInt8]]) throws {
        let endpoint = try destination.endpoint()
        let readsInput = lines.isEmpty && !pinging.ping
        try StandardStreams.check(readsInput: readsInput, endpoint: endpoint)
        if pinging.ping {
            try PingMode(endpoint: endpoint, waiting: waiting, options: pinging, json: json).run()
        } else if !lines.isEmpty {
            try TextMode(endpoint: endpoint, waiting: waiting, json: json, isRaw: raw).run(lines)
        } else if isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && !json {
            try PromptMode(endpoint: endpoint, waiting: waiting, isRaw: raw).run()
        } else {
            try StreamMode(endpoint: endpoint, waiting: waiting, json: json, progress: progress, isRaw: raw)
                .run()
        }
    }
}
