// reversed: the daemon. Parses the arguments, connects the modules, and returns the exit code. The layers below do the work.

import ArgumentParser
import CommandSupport
import DispatchServer
import Glibc
import Logging
import ReverseCore
import Settings
import Sockets
import Systemd

/// The command line of the daemon.
@main
struct Reversed: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reversed",
        abstract: "Answers every line with the line reversed.",
        discussion: """
            Listens where its configuration file says, on TCP and on Unix sockets. A client sends a line and gets it \
            back reversed, a letter with its accents, an emoji family and a flag each staying whole.

            SIGHUP makes it read the file again, SIGTERM and SIGINT make it answer what has arrived and stop.

            EXAMPLES
              reversed --config config/reversed.toml
              reversed --host ::1 --port 0 --log-level debug
              reversed --check --config /etc/reversed/reversed.toml

            EXIT STATUS
              0 stopped as told, 64 wrong usage, 69 cannot listen, 71 the system failed, 78 wrong configuration
            """,
        version: "reversed \(version)\nUnicode \(GraphemeCluster.unicodeVersion) (grapheme clusters)"
    )

    @Option(
        help: ArgumentHelp(
            "The configuration file, see reversed.toml(5). Without it, \(Settings.defaultPath) is read if it is there.",
            valueName: "path"
        ),
        completion: .file(extensions: ["toml"])
    )
    var config: String?

    @Option(help: ArgumentHelp("Listen on this address or name, and nowhere else.", valueName: "host"))
    var host: String?

    @Option(
        help: ArgumentHelp("Listen on this port, and nowhere else; 0 for any free one.", valueName: "number")
    )
    var port: UInt16?

    @Flag(
        help:
            "Check the settings, say where the daemon would listen and what will fail, and exit: 0, or 78 with every mistake."
    )
    var check = false

    @Flag(help: "With --check: exit with 78 for a warning too.")
    var strict = false

    @Flag(help: "With --check: print nothing; the exit status says it.")
    var quiet = false

    @Flag(help: "Print the settings in force as a configuration file, and exit.")
    var printConfig = false

    @Option(
        help: ArgumentHelp("Log this and what is more severe.", valueName: "level"),
        completion: .list(Settings.logLevels.map(\.rawValue)),
        transform: Self.logLevel
    )
    var logLevel: Logger.Level?

    @Flag(
        inversion: .prefixedNo,
        help: "Lend busy connections to hot loops, or serve each by its own event source at all times."
    )
    var hotSet = true

    func validate() throws {
        if (strict || quiet) && !check { throw ValidationError("--strict and --quiet belong to --check.") }
    }

    static func main() {
        let arguments = Arguments.ofProcess
        do {
            if let script = try CompletionScripts.ofProgram.requested(by: arguments.forParser) {
                exitProcess(printing: script)
            }
            var command = try parse(arguments)
            if let value = arguments.forParser.first(where: ByteText.holdsOther) {
                throw ValidationError("the argument \(value) is not UTF-8")
            }
            try command.run()
        } catch {
            exitProcess(with: error)
        }
    }

    func run() throws {
        // Before there are other threads.
        Allocator.returnMemoryEarly()
        SignalHandlers.block(Daemon.signals)
        let source = SettingsSource(
            path: config,
            overrides: Overrides(host: host, port: port, logLevel: logLevel)
        )
        let inspection = Inspection(source: source)
        if printConfig { return try inspection.printSettings() }
        if check { return try inspection.check(isQuiet: quiet, countsWarnings: strict) }
        try Daemon(source: source, usesHotLoops: hotSet).run()
    }

    private static func logLevel(_ text: String) throws -> Logger.Level {
        guard let level = Settings.logLevels.first(where: { $0.rawValue == text }) else {
            let levels = Settings.logLevels.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("The level is one of \(levels).")
        }
        return level
    }
}
