import CSystemd
import Glibc
import Logging
import Synchronization
import Testing

@testable import Systemd

@Suite struct JournalTests {
    private func fields(_ record: LogRecord) -> [String] {
        let entry = JournalEntry(record, identifier: "reversed")
        return entry.ranges.map { String(decoding: entry.bytes[$0], as: UTF8.self) }
    }

    @Test func aRecordBecomesFields() {
        let record = LogRecord(
            level: .notice,
            message: "connected\nx",
            fields: [
                ("client", "127.0.0.1:51147"), ("message-id", "e1f2"), ("raw", "a\nB=\0c"), ("priority", "0"),
                ("--", "nothing"),
            ],
            source: LogRecord.Source(file: "Server/A.swift", function: "run()", line: 12)
        )
        #expect(
            fields(record) == [
                "PRIORITY=5", "SYSLOG_IDENTIFIER=reversed", "MESSAGE=connected\\nx",
                "CODE_FILE=Server/A.swift",
                "CODE_LINE=12", "CODE_FUNC=run()", "CLIENT=127.0.0.1:51147", "MESSAGE_ID=e1f2",
                "RAW=a\nB=\0c",
            ]
        )
    }

    @Test func namesAreWhatTheJournalTakes() {
        #expect(JournalEntry.fieldName("message-id") == "MESSAGE_ID")
        #expect(JournalEntry.fieldName("http.status2") == "HTTP_STATUS2")
        #expect(JournalEntry.fieldName("_PID") == "PID")
        #expect(JournalEntry.fieldName("2fast") == "FAST")
        #expect(JournalEntry.fieldName("größe") == "GR__E")
        #expect(JournalEntry.fieldName("") == nil)
        #expect(JournalEntry.fieldName("é=") == nil)
        #expect(JournalEntry.fieldName(String(repeating: "a", count: 100))?.utf8.count == 64)
    }

    @Test func theStreamIsRecognizedByDeviceAndInode() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { ends.forEach { close($0) } }
        var status = stat()
        try #require(fstat(ends[0], &status) == 0)
        let here = JournalStream(["JOURNAL_STREAM": "\(status.st_dev):\(status.st_ino)"])
        #expect(here?.isConnected(to: ends[0]) == true)
        #expect(here?.isConnected(to: -1) == false)
        let elsewhere = JournalStream(["JOURNAL_STREAM": "\(status.st_dev):\(status.st_ino + 1)"])
        #expect(elsewhere?.isConnected(to: ends[0]) == false)
    }

    @Test(arguments: ["", ":", "1", "1:", "1:2:3", "x:y", "-1:2", "1:99999999999999999999999"])
    func nonsenseIsNoStream(_ value: String) {
        #expect(JournalStream(["JOURNAL_STREAM": value]) == nil)
    }

    @Test func theDestinationIsWhereStandardErrorLeads() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { ends.forEach { close($0) } }
        var status = stat()
        try #require(fstat(ends[1], &status) == 0)
        func destination(_ environment: Environment, socket: String = "/") -> SystemLog.Destination {
            SystemLog.destination(of: ends[1], environment: environment, journalSocket: socket)
        }
        let here: Environment = ["JOURNAL_STREAM": "\(status.st_dev):\(status.st_ino)"]
        #expect(destination([:]) == .console)
        #expect(destination(["JOURNAL_STREAM": "1:1"]) == .console)
        #expect(destination(here) == .journal)
        #expect(destination(here, socket: "/nonexistent/socket") == .journalLines)
    }

    @Test func anEntryThatTheJournalRefusesGoesToStandardError() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { ends.forEach { close($0) } }
        try #require(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
        let sent = Mutex<[[String]]>([])
        let log = JournalLog(identifier: "reversed", fallback: ends[1]) { fields in
            sent.withLock {
                $0.append(
                    fields.map {
                        let bytes = UnsafeRawBufferPointer(start: $0.iov_base, count: $0.iov_len)
                        return String(decoding: bytes, as: UTF8.self)
                    }
                )
                return $0.count == 2 ? -EPIPE : 0
            }
        }
        log.write(
            ["one", "two", "three"].map { LogRecord(level: .info, message: $0, fields: [("client", "x")]) }[
                ...
            ]
        )
        #expect(
            sent.withLock { $0 }
                == ["one", "two", "three"].map {
                    ["PRIORITY=6", "SYSLOG_IDENTIFIER=reversed", "MESSAGE=\($0)", "CLIENT=x"]
                }
        )
        var text = [UInt8](repeating: 0, count: 100)
        let count = read(ends[0], &text, text.count)
        #expect(String(decoding: text.prefix(max(0, count)), as: UTF8.self) == "<6>two client=x\n")
    }
}
