import Glibc
import Logging
import Testing

@testable import Systemd

@Suite struct ConsoleLogTests {
    private func render(_ record: LogRecord, prefix: ConsoleLog.Prefix = .priority, metadata: Bool = false)
        -> String
    {
        var text = ""
        var clock = WallClock()
        ConsoleLog(descriptor: -1, prefix: prefix, showsMetadata: metadata)
            .render(record, clock: &clock, into: &text)
        return text
    }

    @Test func aLineHasTimeLevelAndMessage() {
        let line = render(
            LogRecord(level: .info, message: "connected 127.0.0.1:51147"),
            prefix: .timeAndLevel
        )
        let form = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} info: connected 127\.0\.0\.1:51147\n/
        #expect(line.wholeMatch(of: form) != nil)
    }

    @Test func timeIsPaddedAndNotStuck() {
        var clock = WallClock()
        var text = ""
        // 2001-09-09 01:46:40 UTC: every time zone is a whole number of minutes away from it.
        clock.append(timespec(tv_sec: 1_000_000_000, tv_nsec: 7_999_999), to: &text)
        clock.append(timespec(tv_sec: 1_000_000_001, tv_nsec: 0), to: &text)
        #expect(text.contains(":40.007") && text.hasSuffix(":41.000"))
    }

    @Test func metadataIsShownOnlyOnDemand() {
        let record = LogRecord(
            level: .warning,
            message: "slow",
            fields: [("message-id", "0123"), ("lines", "3"), ("client", "[::1]:5\nx")]
        )
        #expect(render(record) == "<4>slow\n")
        #expect(render(record, metadata: true) == "<4>slow client=[::1]:5\\nx lines=3\n")
    }

    @Test func noMessageMakesTwoLines() {
        let forged = "a\r\n2026-11-23 10:15:02.123 info: forged\u{1b}[2J\u{85}\u{2028}\u{202e}\0\t\\ é 👨‍👩‍👧"
        #expect(
            render(LogRecord(level: .info, message: forged))
                == "<6>a\\r\\n2026-11-23 10:15:02.123 info: forged\\x1b[2J\\x85\\u{2028}\\u{202e}\\x00\\t\\ é 👨‍👩‍👧\n"
        )
    }

    @Test func levelsAreSyslogPriorities() {
        #expect(Logger.Level.allCases.map(\.syslogPriority) == [7, 7, 6, 5, 4, 3, 2])
        for level in Logger.Level.allCases { #expect(Logger.Level(rank: level.rank) == level) }
    }
}
