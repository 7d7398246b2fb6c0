import CSystemd
import Glibc

/// Records as journal entries, see sd_journal_print(3).
struct JournalLog: LogWriter {
    /// SYSLOG_IDENTIFIER.
    let identifier: String
    /// Gets the records that the journal's socket refuses: standard error, which systemd reads separately.
    private let fallback = ConsoleLog(descriptor: STDERR_FILENO, prefix: .priority, showsMetadata: true)

    init(identifier: String) {
        self.identifier = identifier
    }

    func write(_ records: ArraySlice<LogRecord>) {
        for index in records.indices where !send(JournalEntry(records[index], identifier: identifier)) {
            fallback.write(records[index...index])
        }
    }

    private func send(_ entry: JournalEntry) -> Bool {
        var bytes = entry.bytes
        return bytes.withUnsafeMutableBytes { buffer in
            // The ranges lie within `bytes`: JournalEntry makes both.
            let fields = entry.ranges.map { range in
                iovec(iov_base: buffer.baseAddress?.advanced(by: range.lowerBound), iov_len: range.count)
            }
            return sd_journal_sendv(fields, Int32(clamping: fields.count)) >= 0
        }
    }
}
