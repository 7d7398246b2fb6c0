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
        abstract: "Answer each line of a client with the line reversed.",
        discussion: """
            The daemon listens on TCP and Unix sockets, as its settings file says. A character stays whole as a reader \
            sees it: an accented letter, a flag, an emoji family.

            On SIGTERM or SIGINT it answers every complete line that has arrived and stops. On SIGHUP it reads the \
            settings file again.

            EXAMPLES:
              reversed --config config/reversed.toml
              reversed --host ::1 --port 0 --log-level debug
              reversed --check --config /etc/reversed/reversed.toml

            EXIT CODES:
              0 stopped, or the settings are correct   64 usage   69 cannot listen
              71 a system call failed   78 mistakes in the settings
            """,
        version: "reversed \(version)\nUnicode \(GraphemeCluster.unicodeVersion) (grapheme clusters)"
    )

    @Option(
        help: ArgumentHelp(
            "The settings file, see reversed.toml(5) (default: \(Settings.defaultPath), if it exists).",
            valueName: "path"
        ),
        completion: .file(extensions: ["toml"])
    )
    var config: String?

    @Option(help: ArgumentHelp("Listen on this address or host name only.", valueName: "host"))
    var host: String?

    @Option(
        help: ArgumentHelp("Listen on this TCP port only; 0 selects a free one.", valueName: "number")
    )
    var port: UInt16?

    @Flag(
        help:
            "Check the settings, print where the daemon would listen and what would fail, or every mistake, and exit."
    )
    var check = false

    @Flag(help: "With --check: treat a warning as a mistake.")
    var strict = false

    @Flag(help: "With --check: print nothing; the exit code is the result.")
    var quiet = false

    @Flag(help: "Print the settings in effect as a settings file, and exit.")
    var printConfig = false

    @Option(
        help: ArgumentHelp("Log messages of this level and above.", valueName: "level"),
        completion: .list(Settings.logLevels.map(\.rawValue)),
        transform: Self.logLevel
    )
    var logLevel: Logger.Level?

    @Flag(
        inversion: .prefixedNo,
        help: "Serve busy connections by hot loops, or every connection by its own event source at all times."
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
