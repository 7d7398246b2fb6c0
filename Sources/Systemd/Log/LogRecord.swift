import Glibc
import Logging

/// One log record as it was when the log call was made. How it looks is decided later, by the writer.
struct LogRecord: Sendable {
    /// Seconds and nanoseconds since the epoch.
    let time: timespec
    let level: Logger.Level
    let message: String
    /// The metadata, values rendered as text; in no particular order.
    let fields: [(name: String, value: String)]
    /// Where the log call stands in the source; nil for a record of the log's own.
    let source: Source?

    /// The field that repeats the error of a log call, whose text also ends the message.
    static let errorMessageField = "error.message"

    struct Source: Sendable {
        let file: String
        let function: String
        let line: UInt
    }

    init(
        level: Logger.Level,
        message: String,
        fields: [(name: String, value: String)] = [],
        source: Source? = nil
    ) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        time = now
        self.level = level
        self.message = message
        self.fields = fields
        self.source = source
    }

    /// About how many bytes the record occupies while it waits.
    var cost: Int {
        fields.reduce(128 + message.utf8.count) { $0 + 64 + $1.name.utf8.count + $1.value.utf8.count }
    }
}

/// Where records go in the end. Called by one thread at a time, and may block it for as long as it takes.
protocol LogWriter: Sendable {
    func write(_ records: ArraySlice<LogRecord>)
}
