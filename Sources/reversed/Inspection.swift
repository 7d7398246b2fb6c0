import ArgumentParser
import Dispatch
import Glibc
import Logging
import ReverseCore
import Settings
import Systemd

/// `--check` and `--print-config`: looks at the settings and ends.
struct Inspection {
    let source: SettingsSource

    /// `--print-config`: the settings in force, as a file.
    func printSettings() throws {
        print(try load().toml, terminator: "")
    }

    /// `--check`.
    ///
    /// - Parameters:
    ///   - isQuiet: says nothing, for a caller who looks at the exit status.
    ///   - countsWarnings: warnings make the check fail.
    func check(isQuiet: Bool, countsWarnings: Bool) throws {
        let settings = try load(isQuiet: isQuiet)
        guard !isQuiet || countsWarnings else { return }
        let rights = source.isForService ? ProcessRights(unit: "reversed.service") : nil
        let warnings = StartWarnings(rights: rights ?? .ofThisProcess).warnings(for: settings)
        if !isQuiet {
            report(settings, socketUnit: rights?.activeSocketUnit)
            for warning in warnings { StandardError.write("warning: \(warning)") }
        }
        if countsWarnings, !warnings.isEmpty { throw ExitStatus.wrongConfiguration }
    }

    private func report(_ settings: Settings, socketUnit: String?) {
        if let file = source.file {
            print("\(file): ok")
        } else {
            print("there is no \(Settings.defaultPath): the defaults are ok")
        }
        if let socketUnit {
            print("\(socketUnit) is active: the service listens on its sockets, not on those of the file")
            return
        }
        for listener in settings.listeners {
            print(
                "would listen on \(listener.endpoint) (\(listener.framing.rawValue), \(listener.unit.rawValue))"
            )
        }
    }

    private func load(isQuiet: Bool = false) throws -> Settings {
        do {
            return try source.load()
        } catch {
            if !isQuiet { report(error) }
            throw ExitStatus.wrongConfiguration
        }
    }

    /// Each mistake on standard error; where that is the journal, as an entry of its own under the id of a failed reload:
    /// the check is then a step of one.
    private func report(_ error: SettingsError) {
        let log = SystemLog(identifier: "reversed")
        guard log.destination != .console else {
            StandardError.write("\(error)")
            return
        }
        let logger = Logger(label: "reversed", factory: log.makeHandler)
        for mistake in error.mistakes {
            logger.error("\(mistake)", metadata: ["message-id": "\(MessageID.reloadFailed)"])
        }
        log.flushBeforeEarlyExit(deadline: .now() + 1)
    }
}

/// Plain lines for the person who typed the command.
enum StandardError {
    static func write(_ text: String) {
        var rest = Array((text + "\n").utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { return }
            rest = rest.dropFirst(max(0, count))
        }
    }
}
