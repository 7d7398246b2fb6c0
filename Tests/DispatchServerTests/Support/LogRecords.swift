import Logging
import Synchronization

/// The records that a server has logged.
final class LogRecords: Sendable {
    private let records = Mutex<[(level: Logger.Level, text: String)]>([])

    var texts: [String] { records.withLock { $0.map(\.text) } }

    func count(_ level: Logger.Level) -> Int { records.withLock { $0.count { $0.level == level } } }

    func contains(_ words: String) -> Bool { texts.contains { $0.contains(words) } }

    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(records: self) }
        logger.logLevel = .trace
        return logger
    }

    private struct Handler: LogHandler {
        let records: LogRecords
        var metadata = Logger.Metadata()
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            records.records.withLock { $0.append((event.level, "\(event.message)")) }
        }
    }
}
