import DispatchServer
import Glibc
import ReverseCore
import Sockets
import Testing

@testable import Settings

/// The settings of `document`; the test fails with the parser's message if there are none.
func settings(
    _ document: String,
    _ overrides: Overrides = Overrides(),
    sourceLocation: SourceLocation = #_sourceLocation
) throws -> Settings {
    do throws(SettingsError) {
        return try Settings.parse(document, path: "t.toml", overrides: overrides)
    } catch {
        Issue.record("refused: \(error)", sourceLocation: sourceLocation)
        throw error
    }
}

/// The messages about `document`, one line for each mistake; empty if it is accepted.
func mistakes(_ document: String, _ overrides: Overrides = Overrides()) -> [String] {
    do throws(SettingsError) {
        _ = try Settings.parse(document, path: "t.toml", overrides: overrides)
        return []
    } catch {
        return error.mistakes.map(\.description)
    }
}

/// The messages about the file at `path`; empty if it is accepted.
func mistakesOfFile(_ path: String) -> [String] {
    do throws(SettingsError) {
        _ = try Settings.load(path: path)
        return []
    } catch {
        return error.mistakes.map(\.description)
    }
}

/// A listener at `endpoint`, with the defaults for the rest.
func listener(
    _ endpoint: Endpoint,
    framing: Framing = .line,
    unit: ReversalUnit = .character,
    ipv6Only: Bool = false,
    mode: UInt32 = 0o666
) -> Settings.Listener {
    Settings.Listener(
        endpoint: endpoint,
        ipv6Only: ipv6Only,
        mode: mode,
        options: ReversalOptions(framing: framing, unit: unit)
    )
}

/// The facts about one key in the table of keys.
struct KeyFacts: CustomTestStringConvertible {
    var section: Section
    var name: String
    var type: String
    var allowed: [String]
    var summary: String
    /// Its default as TOML, if it has one.
    var byDefault: String?

    var testDescription: String { "\(section.header) \(name)" }

    init<Model>(_ section: Section, _ key: Key<Model>, _ model: Model) {
        self.section = section
        name = key.name
        type = key.type
        allowed = key.allowed
        summary = key.summary
        byDefault = key.text(model)
    }

    /// Every key of the top level and the tables, then those of `[[listener]]` only.
    static let all: [KeyFacts] =
        (Keys.address + Keys.options).map { KeyFacts(.top, $0, Settings.Listener()) }
        + Keys.limits.map { KeyFacts(.limits, $0, Settings()) }
        + Keys.restart.map { KeyFacts(.restart, $0, Settings()) }
        + Keys.log.map { KeyFacts(.log, $0, Settings()) }
        + Keys.metrics.map { KeyFacts(.metrics, $0, Settings()) }
        + Keys.socketFile.map { KeyFacts(.listener, $0, listener(.unix(path: ""))) }
}

/// A directory that is removed with its owner.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/reversed-settings-XXXXXX".utf8CString)
        let created = mkdtemp(&template) != nil
        #expect(created)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        for name in ["reversed.toml", "pipe"] { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    /// Writes `bytes` to `reversed.toml` in it, and returns the path.
    func write(_ bytes: some Collection<UInt8>) throws -> String {
        let file = "\(path)/reversed.toml"
        let stream = try #require(fopen(file, "w"))
        let content = Array(bytes)
        #expect(fwrite(content, 1, content.count, stream) == content.count)
        fclose(stream)
        return file
    }
}

/// The text of a file of this repository.
func repositoryFile(_ path: String, from here: String = #filePath) throws -> String {
    let root = here.split(separator: "/").dropLast(3).joined(separator: "/")
    let stream = try #require(fopen("/\(root)/\(path)", "r"), "\(path) is missing")
    defer { fclose(stream) }
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while case let count = fread(&buffer, 1, buffer.count, stream), count > 0 {
        content += buffer.prefix(count)
    }
    return String(decoding: content, as: UTF8.self)
}
