import Dispatch
import Logging
import Synchronization

/// The records between the callers, who never wait, and one writer, which may.
///
/// It holds at most `limit` bytes of records, the ones in the writer's hands included. When it is full, the newest record
/// is dropped and counted; as soon as the writer moves again a record in that place tells how many are missing.
final class LogBacklog: Sendable {
    private struct State {
        var waiting: [LogRecord] = []
        /// Of all records that have not been written yet.
        var cost = 0
        var dropped = 0
        var isWriting = false
    }

    /// A slice small enough that its memory is given back soon, and large enough that a busy log needs few system calls.
    private static let sliceLength = 64

    /// How long the first record of a batch waits for others: a busy log then wakes its writer a few hundred times a
    /// second instead of at every record, and nobody who reads along notices.
    private static let gatheringTime = DispatchTimeInterval.milliseconds(5)

    private let limit: Int
    private let writer: any LogWriter
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "systemd.log")

    init(limit: Int, writer: any LogWriter) {
        self.limit = limit
        self.writer = writer
    }

    func append(_ record: LogRecord) {
        let mustStart = state.withLock { state in
            let cost = record.cost
            guard cost <= limit - state.cost else {
                state.dropped += 1
                return false
            }
            state.cost += cost
            state.waiting.append(record)
            defer { state.isWriting = true }
            return !state.isWriting
        }
        guard mustStart else { return }
        queue.asyncAfter(deadline: .now() + Self.gatheringTime) { self.writeBacklog() }
    }

    /// Waits until the records appended so far are written; false when the deadline came first.
    func flush(deadline: DispatchTime) -> Bool {
        let written = DispatchSemaphore(value: 0)
        queue.async {
            self.writeBacklog()
            written.signal()
        }
        return written.wait(timeout: deadline) == .success
    }

    private func writeBacklog() {
        while let batch = takeBatch() {
            var rest = batch[...]
            while !rest.isEmpty {
                let slice = rest.prefix(Self.sliceLength)
                writer.write(slice)
                rest = rest.dropFirst(Self.sliceLength)
                let cost = slice.reduce(0) { $0 + $1.cost }
                state.withLock { $0.cost -= cost }
            }
        }
    }

    private func takeBatch() -> [LogRecord]? {
        state.withLock { state in
            var batch: [LogRecord] = []
            swap(&batch, &state.waiting)
            if state.dropped > 0 {
                let notice = Self.dropNotice(count: state.dropped)
                state.dropped = 0
                state.cost += notice.cost
                batch.append(notice)
            }
            state.isWriting = !batch.isEmpty
            return batch.isEmpty ? nil : batch
        }
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
