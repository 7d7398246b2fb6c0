import ArgumentParser
import CommandSupport
import Dispatch
import DispatchServer
import Logging
import ReverseCore
import Settings
import Sockets
import Systemd
import TextEscaping

/// `--check` and `--print-config`: read the settings and exit.
struct Inspection {
    let source: SettingsSource

    /// `--print-config`: prints the effective settings as a file.
    func printSettings() throws {
        Reversed.exitProcess(printing: try load().toml)
    }

    /// `--check`.
    ///
    /// - Parameters:
    ///   - isQuiet: Whether to print nothing, for a caller that uses the exit status.
    ///   - countsWarnings: Whether warnings make the check fail.
    func check(isQuiet: Bool, countsWarnings: Bool) throws {
        let settings = try load(isQuiet: isQuiet)
        guard !isQuiet || countsWarnings else { return }
        let rights = source.isForService ? ProcessRights(unit: "reversed.service") : nil
        let warnings = StartWarnings(rights: rights ?? .ofThisProcess).warnings(for: settings)
        if !isQuiet {
            for warning in warnings { writeMessage("warning: \(PrintableText.escape(warning))\n") }
        }
        if countsWarnings, !warnings.isEmpty { throw ExitStatus.wrongConfiguration }
        if !isQuiet { Reversed.exitProcess(printing: report(settings, socketUnit: rights?.activeSocketUnit)) }
    }

    private func report(_ settings: Settings, socketUnit: String?) -> String {
        let file =
            source.file.map { "\($0): ok" } ?? "there is no \(Settings.defaultPath): the defaults are ok"
        let listeners =
            socketUnit.map {
                ["\($0) is active: the service listens on its sockets, not on those of the file"]
            }
            ?? settings.server.listeners.map { listener in
                let options = listener.options
                return
                    "would listen on \(listener.endpoint) (\(options.framing.rawValue), \(options.unit.rawValue))"
            }
        let metrics = [
            settings.metrics.endpoint.map { "would answer about metrics on \($0)" },
            settings.metrics.file.map { "would write metrics to \($0)" },
        ].compactMap { $0 }
        return ([ByteText.shown(file)] + listeners + metrics).map(PrintableText.escape).joined(
            separator: "\n"
        )
    }

    private func load(isQuiet: Bool = false) throws -> Settings {
        do {
            return try source.load()
        } catch {
            if !isQuiet { report(error) }
            throw ExitStatus.wrongConfiguration
        }
    }

    /// Prints each mistake on standard error. If that is the journal, each is a separate entry with the id of a failed reload,
    /// because the check is then a step of a reload.
    private func report(_ error: SettingsError) {
        let log = SystemLog(identifier: "reversed")
        guard log.destination != .console else {
            writeMessage("\(error)\n")
            return
        }
        let logger = Logger(label: "reversed", factory: log.makeHandler)
        for mistake in error.mistakes {
            logger.error("\(mistake)", metadata: ["message-id": "\(MessageID.reloadFailed)"])
        }
        log.flushBeforeEarlyExit(deadline: .now() + 1)
    }
}
