import Glibc
import Logging

/// One log record, with the data of the log call. The writer formats it later.
struct LogRecord: Sendable {
    /// Seconds and nanoseconds since the epoch.
    let time: timespec
    let level: Logger.Level
    let message: String
    /// The metadata, values rendered as text; in no particular order.
    let fields: [(name: String, value: String)]
    /// The source location of the log call; nil for records of the log itself.
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
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        time = now
        self.level = level
        self.message = message
        self.fields = fields
        self.source = source
    }

    /// The approximate size of the record in memory, in bytes.
    var cost: Int {
        fields.reduce(128 + message.utf8.count) { $0 + 64 + $1.name.utf8.count + $1.value.utf8.count }
    }
}

/// Writes records. Called by one thread at a time, which it may block.
protocol LogWriter: Sendable {
    func write(_ records: ArraySlice<LogRecord>)
}
