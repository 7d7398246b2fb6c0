import Dispatch
import Logging

/// The records between the callers, which never wait, and one writer, which may.
///
/// It holds at most `limit` bytes of records, those that are being written included. Low levels are dropped first: each
/// level below error may use one eighth of the limit less than the level above it, so that a flood of ordinary messages cannot
/// hide an error. Dropped records are counted. When the writer continues, a record reports their number.
final class LogBacklog: Sendable {
    private struct State {
        var waiting: [LogRecord] = []
        /// Removed from `waiting`, to be written in slices.
        var batch: ArraySlice<LogRecord> = []
        /// The size of all records that are not written yet.
        var cost = 0
        /// The size of the slice that is being written.
        var costInWriting = 0
        /// Records dropped since the last notice of them.
        var dropped = 0
        /// All records dropped.
        var droppedInAll: UInt64 = 0

        mutating func append(_ record: LogRecord, limit: Int) {
            let cost = record.cost
            guard cost <= limit - self.cost else {
                dropped += 1
                droppedInAll += 1
                return
            }
            self.cost += cost
            waiting.append(record)
        }

        mutating func nextSlice() -> ArraySlice<LogRecord>? {
            cost -= costInWriting
            if batch.isEmpty { batch = takeBatch()[...] }
            let slice = batch.prefix(sliceLength)
            batch = batch.dropFirst(sliceLength)
            costInWriting = slice.reduce(0) { $0 + $1.cost }
            return slice.isEmpty ? nil : slice
        }

        private mutating func takeBatch() -> [LogRecord] {
            var batch: [LogRecord] = []
            swap(&batch, &waiting)
            if dropped > 0 {
                let notice = dropNotice(count: dropped)
                dropped = 0
                cost += notice.cost
                batch.append(notice)
            }
            return batch
        }
    }

    /// Small enough that memory is freed soon, and large enough that a busy log needs few system calls.
    private static let sliceLength = 64

    /// How long the first record of a batch waits for others. A busy log wakes its writer a few hundred times a second instead of at
    /// every record, and the delay is not noticeable.
    private static let gatheringTime = DispatchTimeInterval.milliseconds(5)

    private let limit: Int
    private let outbox: SerialOutbox<State, ArraySlice<LogRecord>>

    init(limit: Int, writer: any LogWriter) {
        self.limit = limit
        outbox = SerialOutbox(
            label: "systemd.log",
            state: State(),
            gatheringTime: Self.gatheringTime,
            next: { $0.nextSlice() },
            send: writer.write
        )
    }

    func append(_ record: LogRecord) {
        let limit = limit(for: record.level)
        outbox.update { state in
            state.append(record, limit: limit)
            return true
        }
    }

    /// How many records have been dropped.
    var droppedRecords: UInt64 {
        var count: UInt64 = 0
        outbox.update { state in
            count = state.droppedInAll
            return false
        }
        return count
    }

    /// Waits until the records appended so far are written; false if the deadline came first.
    func flush(deadline: DispatchTime) -> Bool {
        outbox.flush(deadline: deadline)
    }

    /// How full a record of this level may make the backlog.
    private func limit(for level: Logger.Level) -> Int {
        let eighths =
            switch level {
            case .critical, .error: 8
            case .warning: 7
            case .notice: 6
            case .info, .debug, .trace: 5
            }
        return limit / 8 * eighths
    }

    private static func dropNotice(count: Int) -> LogRecord {
        let subject = count == 1 ? "1 log record was" : "\(count) log records were"
        return LogRecord(
            level: .warning,
            message: "\(subject) dropped: the reader of the log was too slow",
            fields: [("dropped", String(count))]
        )
    }
}
