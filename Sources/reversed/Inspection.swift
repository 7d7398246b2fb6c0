import ArgumentParser
import DispatchServer
import Glibc
import ReverseCore
import Settings
import Sockets
import TextEscaping

/// `--check` and `--print-config`: looks at the settings and goes.
struct Inspection {
    let source: SettingsSource

    func run(printsSettings: Bool) throws {
        let settings: Settings
        do {
            settings = try source.load()
        } catch {
            StandardError.write("\(error)")
            throw ExitStatus.wrongConfiguration
        }
        if printsSettings {
            print(settings.toml, terminator: "")
            return
        }
        print("ok")
        for listener in settings.server.listeners {
            let options = listener.options
            let endpoint = PrintableText.escape("\(listener.endpoint)")
            print("would listen on \(endpoint) (\(options.framing.rawValue), \(options.unit.rawValue))")
        }
    }
}

/// Plain lines for the person who typed the command.
enum StandardError {
    static func write(_ text: String) {
        var line = text + "\n"
        line.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
