import Logging

/// The swift-log handler of a ``SystemLog``: turns a log call into a record and leaves the rest to the backlog.
struct SystemLogHandler: LogHandler {
    let backlog: LogBacklog
    let sharedLevel: SharedLogLevel
    private var ownLevel: Logger.Level?
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(backlog: LogBacklog, sharedLevel: SharedLogLevel) {
        self.backlog = backlog
        self.sharedLevel = sharedLevel
    }

    /// The log's level, until this logger is given one of its own.
    var logLevel: Logger.Level {
        get { ownLevel ?? sharedLevel.value }
        set { ownLevel = newValue }
    }

    subscript(metadataKey name: String) -> Logger.Metadata.Value? {
        get { metadata[name] }
        set { metadata[name] = newValue }
    }

    func log(event: LogEvent) {
        let record = LogRecord(
            level: event.level,
            message: event.error.map { "\(event.message): \($0)" } ?? event.message.description,
            fields: merged(event.metadata).map { ($0.key, $0.value.description) },
            source: LogRecord.Source(file: event.file, function: event.function, line: event.line)
        )
        backlog.append(record)
    }

    /// What the log call says wins over the provider, and that over what the logger carries.
    private func merged(_ ofCall: Logger.Metadata?) -> Logger.Metadata {
        var all = metadata
        if let metadataProvider {
            all.merge(metadataProvider.get()) { _, later in later }
        }
        if let ofCall {
            if all.isEmpty { return ofCall }
            all.merge(ofCall) { _, later in later }
        }
        return all
    }
}
