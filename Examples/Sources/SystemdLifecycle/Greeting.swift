import Foundation
import Synchronization
import Systemd

/// The greeting of the example servers: the file `greeting` of the unit's ConfigurationDirectory=, or else the
/// credential `greeting`, or else "hello".
public final class Greeting: Sendable {
    private let current: Mutex<String>

    /// Reads the greeting for the first time.
    public init() throws {
        current = Mutex(try Self.read())
    }

    /// The greeting that was read last.
    public var text: String { current.withLock { $0 } }

    /// Reads the greeting again. An error changes nothing.
    public func reload() throws {
        let text = try Self.read()
        current.withLock { $0 = text }
    }

    private static func read() throws -> String {
        if let directory = ServiceDirectories().configuration.first {
            let file = URL(filePath: directory).appending(path: "greeting")
            if FileManager.default.fileExists(atPath: file.path) {
                return try String(contentsOf: file, encoding: .utf8).trimmingCharacters(in: .newlines)
            }
        }
        return try Credentials().text("greeting", limit: 1_000) ?? "hello"
    }
}
