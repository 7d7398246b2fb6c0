import ArgumentParser
import CLinux
import Glibc
import Sockets
import TextEscaping

// CommandSupport: what both programs need around the argument parser.
//
// It has the arguments of `main`, the exit by a message, an exit code or a signal, and the output of help. Invariants: nothing
// is read from /proc; a failure to write help or a version is an error.

/// The exit codes of usage errors and failed output (sysexits.h).
public enum CommandExit {
    /// The command line is wrong (EX_USAGE).
    public static let usage: Int32 = 64
    /// Reading or writing failed (EX_IOERR).
    public static let inputOutput: Int32 = 74
}

extension ParsableCommand {
    /// Parses the arguments into a command.
    ///
    /// - Throws: A usage error or a request for help, for `exitProcess(with:)`.
    public static func parse(_ arguments: Arguments) throws -> any ParsableCommand {
        try parseAsRoot(arguments.forParser)
    }

    /// Exits as `error` requires: help or a version goes to standard output and exits with 0, a usage error prints a sentence
    /// and exits with 64, and an `ExitCode` exits with its code.
    public static func exitProcess(with error: any Error) -> Never {
        let code = exitCode(for: error)
        let name = configuration.commandName ?? "\(self)"
        if code.isSuccess { exitProcess(printing: message(for: error)) }
        let sentence = PrintableText.escape(ByteText.shown(message(for: error)))
        if !sentence.isEmpty {
            let hint = code == .validationFailure ? "Try '\(name) --help'.\n" : ""
            writeMessage("\(name): \(sentence)\n\(hint)")
        }
        Glibc.exit(code == .validationFailure ? CommandExit.usage : code.rawValue)
    }

    /// Writes `text` to standard output and exits with 0, or with 74 if writing fails.
    public static func exitProcess(printing text: String) -> Never {
        let name = configuration.commandName ?? "\(self)"
        do throws(SystemError) {
            if linux_was_closed_at_start(STDOUT_FILENO) {
                throw SystemError("write to standard output", code: EBADF, advice: "it is closed")
            }
            try DescriptorWriting.writeAll(
                Array((text.hasSuffix("\n") ? text : text + "\n").utf8),
                to: STDOUT_FILENO,
                action: "write to standard output"
            )
        } catch {
            if error.code == EPIPE { ProcessSignals.terminate(by: SIGPIPE) }
            writeMessage("\(name): \(error)\n")
            Glibc.exit(CommandExit.inputOutput)
        }
        Glibc.exit(EXIT_SUCCESS)
    }
}

/// Writes to standard error. Errors are ignored, because there is nowhere to report them.
public func writeMessage(_ text: String) {
    try? DescriptorWriting.writeAll(Array(text.utf8), to: STDERR_FILENO, action: "write a message")
}
