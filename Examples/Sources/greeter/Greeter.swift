import Dispatch
import Foundation
import Glibc
import Logging
import Sockets
import Synchronization
import Systemd

/// Accepts clients, writes the greeting to each of them and closes the connection.
final class Greeter: Sendable {
    /// The queue that serves the clients.
    let queue = DispatchQueue(label: "greeter.clients")

    private let greeting: Mutex<String>
    private let logger: Logger

    init(logger: Logger) throws {
        greeting = Mutex(try Self.readGreeting())
        self.logger = logger
    }

    /// Listens on the sockets that systemd opened, or else on 127.0.0.1:7000, while the caller keeps the returned sources.
    func listen(on handedIn: [ActivationSocket]) throws -> [any DispatchSourceRead] {
        var listeners = handedIn.map(\.descriptor)
        if listeners.isEmpty {
            listeners = [try StreamSocket.listen(on: .ipv4([127, 0, 0, 1], port: 7_000)).release()]
        }
        return try listeners.map { listener in
            try StreamSocket.adopt(listener)
            let source = DispatchSource.makeReadSource(fileDescriptor: listener, queue: queue)
            source.setEventHandler { self.greet(nextClientOf: listener) }
            source.activate()
            return source
        }
    }

    /// The line for `systemctl status`.
    var status: String { "Greeting with \(greeting.withLock { $0 })" }

    /// Reads the greeting again. An error changes nothing.
    func reload() throws {
        let new = try Self.readGreeting()
        greeting.withLock { $0 = new }
    }

    private func greet(nextClientOf listener: Int32) {
        guard case .client(let client, let address) = StreamSocket.accept(from: listener) else { return }
        let line = Array(greeting.withLock { "\($0)\n" }.utf8)
        let count = send(client.number, line, line.count, Int32(MSG_NOSIGNAL))
        // journalctl CLIENT=127.0.0.1:51147
        logger.info("greeted \(address)", metadata: ["client": "\(address)", "bytes": "\(count)"])
    }

    /// The file `greeting` of the unit's ConfigurationDirectory=, or else the credential `greeting`, or else "hello".
    private static func readGreeting() throws -> String {
        if let directory = ServiceDirectories().configuration.first,
            FileManager.default.fileExists(atPath: directory + "/greeting")
        {
            return try String(contentsOfFile: directory + "/greeting", encoding: .utf8)
                .trimmingCharacters(in: .newlines)
        }
        return try Credentials().text("greeting", limit: 1_000) ?? "hello"
    }
}
