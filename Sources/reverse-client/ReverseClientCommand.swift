import ArgumentParser
import Glibc
import ReverseClient

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

            EXIT CODES:
              0 all answered   64 usage   69 cannot connect   74 input or output failed
              75 timed out, or retried in vain   76 short or wrong answer   130 Ctrl-C
            """,
        version: "reverse-client 1.0.0"
    )

    @OptionGroup(title: "Server") var destination: Destination
    @OptionGroup(title: "Patience") var patience: Patience

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
    }

    private func run(lines: [[UInt8]]) throws {
        let endpoint = try destination.endpoint()
        try StandardStreams.prepare(readsInput: lines.isEmpty, endpoint: endpoint)
        signal(SIGINT) { _ in _exit(130) }
        if !lines.isEmpty {
            try TextMode(endpoint: endpoint, patience: patience).run(lines)
        } else if isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 {
            try PromptMode(endpoint: endpoint, timeout: patience.timeoutValue).run()
        } else {
            try StreamMode(endpoint: endpoint, patience: patience).run()
        }
    }
}
