import CLinux
import Glibc
import Logging
import TextEscaping

/// Records as plain lines, `2026-11-23 10:15:02.123 info: connected 127.0.0.1:51147`, in local time.
///
/// Messages and values are escaped, so a record is always one line; see `PrintableText`.
struct ConsoleLog: LogWriter {
    /// The prefix of a line.
    enum Prefix {
        /// Time and level, for people.
        case timeAndLevel
        /// `<6>`, for a standard error that systemd reads line by line, see SyslogLevelPrefix= in systemd.exec(5). The
        /// journal adds the time.
        case priority
    }

    /// Not closed.
    let descriptor: Int32
    let prefix: Prefix
    /// Whether the metadata follows the message as `name=value`.
    let showsMetadata: Bool

    func write(_ records: ArraySlice<LogRecord>) {
        var text = ""
        var clock = WallClock()
        for record in records {
            render(record, clock: &clock, into: &text)
        }
        // If it has no reader any more, there is no other place to report that.
        _ = text.withUTF8 { unsafe linux_write_all(descriptor, $0.baseAddress, $0.count) }
    }

    func render(_ record: LogRecord, clock: inout WallClock, into text: inout String) {
        switch prefix {
        case .timeAndLevel:
            clock.append(record.time, to: &text)
            text += " \(record.level.rawValue): "
        case .priority:
            text += "<\(record.level.syslogPriority)>"
        }
        text += PrintableText.escape(record.message)
        if showsMetadata {
            for (name, value) in record.fields.sorted(by: { $0.name < $1.name })
            where name != "message-id" && name != LogRecord.errorMessageField {
                text += " \(PrintableText.escape(name))=\(PrintableText.escape(value))"
            }
        }
        text += "\n"
    }
}

/// Local time with milliseconds. A second that was just rendered is not rendered again.
struct WallClock {
    private var second: time_t?
    private var rendered = ""

    mutating func append(_ time: timespec, to text: inout String) {
        if second != time.tv_sec {
            second = time.tv_sec
            rendered = Self.render(time.tv_sec)
        }
        text += rendered
        text += "."
        text += Self.padded(time.tv_nsec / 1_000_000, to: 3)
    }

    private static func render(_ second: time_t) -> String {
        var second = second
        var local = unsafe tm()
        guard unsafe localtime_r(&second, &local) != nil else { return "@\(second)" }
        let date = unsafe [Int(local.tm_year) + 1900, Int(local.tm_mon) + 1, Int(local.tm_mday)]
        let time = unsafe [Int(local.tm_hour), Int(local.tm_min), Int(local.tm_sec)]
        return date.map { padded($0, to: 2) }.joined(separator: "-")
            + " " + time.map { padded($0, to: 2) }.joined(separator: ":")
    }

    private static func padded(_ number: Int, to width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
