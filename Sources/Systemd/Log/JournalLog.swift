import CSystemd
import Glibc

/// Records as journal entries, see sd_journal_print(3).
@safe struct JournalLog: LogWriter {
    /// SYSLOG_IDENTIFIER.
    let identifier: String
    /// Gets the records that the journal's socket refuses: standard error, which systemd reads separately.
    private let fallback: ConsoleLog
    private let send: @Sendable ([iovec]) -> Int32

    /// - Parameters:
    ///   - fallback: A descriptor for the records that the journal refuses.
    ///   - send: Sends one entry, as sd_journal_sendv(3) does: negative if the journal refuses it.
    @safe init(
        identifier: String,
        fallback: Int32 = STDERR_FILENO,
        send: @escaping @Sendable ([iovec]) -> Int32 = {
            unsafe sd_journal_sendv($0, Int32(clamping: $0.count))
        }
    ) {
        self.identifier = identifier
        self.fallback = ConsoleLog(descriptor: fallback, prefix: .priority, showsMetadata: true)
        unsafe self.send = unsafe send
    }

    func write(_ records: ArraySlice<LogRecord>) {
        for index in records.indices where !sends(JournalEntry(records[index], identifier: identifier)) {
            fallback.write(records[index...index])
        }
    }

    private func sends(_ entry: JournalEntry) -> Bool {
        var bytes = entry.bytes
        return unsafe bytes.withUnsafeMutableBytes { buffer in
            // The ranges lie within `bytes`: JournalEntry makes both.
            let fields = unsafe entry.ranges.map { range in
                unsafe iovec(
                    iov_base: buffer.baseAddress?.advanced(by: range.lowerBound),
                    iov_len: range.count
                )
            }
            return unsafe send(fields) >= 0
        }
    }
}
