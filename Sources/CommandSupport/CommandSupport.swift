import ArgumentParser
import CLinux
import Glibc
import Sockets
import TextEscaping

// CommandSupport: what both programs do around the argument parser.
//
// Here live the arguments as `main` got them, the end of a program by a message, an exit code or a signal, and the
// writing of help. What must stay true: nothing is taken from /proc; a text that could not be written is an error.

/// The exit codes that the parser and the help share (sysexits.h).
public enum CommandExit {
    /// The command line is wrong (EX_USAGE).
    public static let usage: Int32 = 64
    /// Something could not be read or written (EX_IOERR).
    public static let inputOutput: Int32 = 74
}

extension ParsableCommand {
    /// Makes a command of the process's arguments.
    ///
    /// - Throws: What `leave(with:)` takes: a usage error, or the wish for help.
    public static func parse(_ arguments: Arguments) throws -> any ParsableCommand {
        try parseAsRoot(arguments.forParser)
    }

    /// Ends the process with what `error` asks for: help or a version on standard output and 0, a sentence and 64 for a
    /// usage error, the code alone for an `ExitCode`.
    public static func leave(with error: any Error) -> Never {
        let code = exitCode(for: error)
        let name = configuration.commandName ?? "\(self)"
        if code.isSuccess { leaveWithOutput(message(for: error)) }
        let sentence = PrintableText.escape(ByteText.shown(message(for: error)))
        if !sentence.isEmpty {
            let hint = code == .validationFailure ? "Try '\(name) --help'.\n" : ""
            writeMessage("\(name): \(sentence)\n\(hint)")
        }
        Glibc.exit(code == .validationFailure ? CommandExit.usage : code.rawValue)
    }

    /// Writes `text` to standard output and ends the process: 0, or 74 when it could not be written.
    public static func leaveWithOutput(_ text: String) -> Never {
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
            if error.code == EPIPE { ProcessSignals.die(by: SIGPIPE) }
            writeMessage("\(name): \(error)\n")
            Glibc.exit(CommandExit.inputOutput)
        }
        Glibc.exit(EXIT_SUCCESS)
    }
}

/// Writes to standard error; where that fails nobody can be informed.
public func writeMessage(_ text: String) {
    try? DescriptorWriting.writeAll(Array(text.utf8), to: STDERR_FILENO, action: "write a message")
}
