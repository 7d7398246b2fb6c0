import Dispatch
import Logging
import Synchronization
import Testing

@testable import Systemd

@Suite struct SystemLogHandlerTests {
    final class Keeper: LogWriter {
        let records = Mutex<[LogRecord]>([])

        func write(_ records: ArraySlice<LogRecord>) {
            self.records.withLock { $0 += records }
        }
    }

    struct Refused: Error, CustomStringConvertible {
        let description = "refused"
    }

    @Test func metadataOfLoggerProviderAndCallComeTogether() throws {
        let keeper = Keeper()
        let log = SystemLog(
            destination: .console,
            level: .info,
            backlog: LogBacklog(limit: 1 << 20, writer: keeper)
        )
        var handler = log.makeHandler(label: "test")
        handler.metadataProvider = Logger.MetadataProvider { ["a": "provider", "b": "provider"] }
        var logger = Logger(label: "test") { _ in handler }
        logger[metadataKey: "a"] = "logger"
        logger[metadataKey: "c"] = "logger"
        #expect(logger[metadataKey: "c"] == "logger")
        logger.warning("hello", metadata: ["b": "call", "lines": "\(3)"])
        logger.debug("below the level")
        #expect(log.flush(deadline: .now() + 10))

        let records = keeper.records.withLock { $0 }
        #expect(records.count == 1)
        let record = try #require(records.first)
        #expect(record.level == .warning && record.message == "hello")
        let fields = Dictionary(uniqueKeysWithValues: record.fields.map { ($0.name, $0.value) })
        #expect(fields == ["a": "provider", "b": "call", "c": "logger", "lines": "3"])
        #expect(record.source?.file.hasSuffix("SystemLogHandlerTests.swift") == true)
    }

    @Test func anErrorIsPartOfTheMessage() {
        let keeper = Keeper()
        let log = SystemLog(
            destination: .console,
            level: .info,
            backlog: LogBacklog(limit: 1 << 20, writer: keeper)
        )
        Logger(label: "test", factory: log.makeHandler).error("cannot listen", error: Refused())
        #expect(log.flush(deadline: .now() + 10))
        #expect(keeper.records.withLock { $0.map(\.message) } == ["cannot listen: refused"])
    }
}
