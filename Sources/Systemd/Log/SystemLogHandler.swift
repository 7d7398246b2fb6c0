import Logging

/// The swift-log handler of a ``SystemLog``: makes a record of a log call and appends it to the backlog.
///
/// It is a value, as swift-log requires: a level or metadata that is set on one logger changes no other.
struct SystemLogHandler: LogHandler {
    /// The label of the logger, for the field LOGGER; nil if it equals the identifier of the log.
    let label: String?
    let backlog: LogBacklog
    let sharedLevel: SharedLogLevel
    private var ownLevel: Logger.Level?
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(
        label: String?,
        backlog: LogBacklog,
        sharedLevel: SharedLogLevel,
        metadataProvider: Logger.MetadataProvider?
    ) {
        self.label = label
        self.backlog = backlog
        self.sharedLevel = sharedLevel
        self.metadataProvider = metadataProvider
    }

    /// The level of the log, unless this logger has its own.
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
            fields: fields(of: event),
            source: LogRecord.Source(file: event.file, function: event.function, line: event.line)
        )
        backlog.append(record)
    }

    /// The metadata of the log call replaces that of the provider, and that replaces what the logger carries. The error of
    /// the log call becomes `error.message` and `error.type`, as in swift-log's own handlers.
    private func fields(of event: LogEvent) -> [(name: String, value: String)] {
        var all = metadata
        if let metadataProvider {
            all.merge(metadataProvider.get()) { _, provided in provided }
        }
        if let explicit = event.metadata {
            all.merge(explicit) { _, explicit in explicit }
        }
        if let error = event.error {
            all[LogRecord.errorMessageField] = "\(error)"
            all["error.type"] = "\(String(reflecting: type(of: error)))"
        }
        if let label {
            all.merge(["logger": .string(label)]) { explicit, _ in explicit }
        }
        return all.map { ($0.key, $0.value.description) }
    }
}
