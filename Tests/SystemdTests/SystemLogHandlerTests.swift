import Dispatch
import Logging
import Synchronization
import Testing

@testable import Systemd

/// The requirements of swift-log 1.16 for a handler: those in `LogHandler` and "Implementing a log handler", and those that its
/// own tests check.
@Suite struct SystemLogHandlerTests {
    final class Keeper: LogWriter {
        private let records = Mutex<[LogRecord]>([])

        func write(_ records: ArraySlice<LogRecord>) {
            self.records.withLock { $0 += records }
        }

        /// The records so far.
        func records(of log: SystemLog) -> [LogRecord] {
            #expect(log.flush(deadline: .now() + 10))
            return records.withLock { $0 }
        }

        func fields(of log: SystemLog) -> [[String: String]] {
            records(of: log).map { record in
                Dictionary(record.fields.map { ($0.name, $0.value) }) { "\($0) and \($1)" }
            }
        }
    }

    struct Refused: Error, CustomStringConvertible {
        let description = "refused"
    }

    enum Context {
        @TaskLocal static var request = "none"
    }

    private let keeper = Keeper()

    private func makeLog(level: Logger.Level = .info, provider: Logger.MetadataProvider? = nil) -> SystemLog {
        SystemLog(
            destination: .console,
            identifier: "test",
            level: level,
            metadataProvider: provider,
            backlog: LogBacklog(limit: 1 << 20, writer: keeper)
        )
    }

    @Test func levelAndMetadataAreValues() {
        let log = makeLog()
        var first = Logger(label: "test", factory: log.makeHandler)
        first.logLevel = .debug
        first[metadataKey: "only-on"] = "first"
        var second = first
        second.logLevel = .error
        second[metadataKey: "only-on"] = "second"
        #expect(first.logLevel == .debug && second.logLevel == .error)
        #expect(first[metadataKey: "only-on"] == "first" && second[metadataKey: "only-on"] == "second")

        first[metadataKey: "only-on"] = nil
        first.info("of the first")
        second.error("of the second")
        #expect(keeper.fields(of: log) == [[:], ["only-on": "second"]])
        #expect(log.level == .info)
    }

    @Test(arguments: Logger.Level.allCases)
    func aLevelLetsItselfAndWhatIsMoreSevereThrough(_ level: Logger.Level) {
        let log = makeLog(level: level)
        var logger = Logger(label: "test", factory: log.makeHandler)
        for each in Logger.Level.allCases { logger.log(level: each, "\(each)") }
        let expected = Logger.Level.allCases.filter { $0 >= level }
        #expect(keeper.records(of: log).map(\.level) == expected)
        #expect(keeper.records(of: log).map(\.message) == expected.map { "\($0)" })

        logger.logLevel = .critical
        logger.error("below the level of this logger")
        #expect(keeper.records(of: log).count == expected.count)
    }

    @Test func theCallReplacesTheProviderAndTheProviderTheLogger() throws {
        let log = makeLog(provider: Logger.MetadataProvider { ["a": "provider", "b": "provider"] })
        var logger = Logger(label: "test", factory: log.makeHandler)
        logger[metadataKey: "a"] = "logger"
        logger[metadataKey: "b"] = "logger"
        logger[metadataKey: "c"] = "logger"
        logger.warning("hello", metadata: ["b": "call", "lines": "\(3)"])
        #expect(keeper.fields(of: log) == [["a": "provider", "b": "call", "c": "logger", "lines": "3"]])

        let record = try #require(keeper.records(of: log).first)
        #expect(record.level == .warning && record.message == "hello")
        #expect(record.source?.file.hasSuffix("SystemLogHandlerTests.swift") == true)
    }

    @Test func theProviderIsAskedInTheTaskThatLogsAndOnlyForWhatIsLogged() {
        let asked = Atomic(0)
        let log = makeLog(
            provider: Logger.MetadataProvider {
                asked.add(1, ordering: .relaxed)
                return ["request": "\(Context.request)"]
            }
        )
        let logger = Logger(label: "test", factory: log.makeHandler)
        logger.debug("below the level")
        #expect(asked.load(ordering: .relaxed) == 0)
        Context.$request.withValue("42") { logger.info("within") }
        logger.info("outside")
        #expect(keeper.fields(of: log) == [["request": "42"], ["request": "none"]])
    }

    @Test func aLoggerMayHaveAProviderOfItsOwn() {
        let log = makeLog(provider: Logger.MetadataProvider { ["of": "log"] })
        var handler = log.makeHandler(label: "test")
        #expect(handler.metadataProvider != nil)
        handler.metadataProvider = Logger.MetadataProvider { ["of": "logger"] }
        Logger(label: "test") { _ in handler }.info("hello")
        Logger(label: "test", factory: log.makeHandler).info("hello")
        #expect(keeper.fields(of: log) == [["of": "logger"], ["of": "log"]])
    }

    @Test func theProviderOfTheLoggingSystemIsTheDefault() async {
        await #expect(processExitsWith: .success) {
            let keeper = Keeper()
            let backlog = LogBacklog(limit: 1 << 20, writer: keeper)
            let log = SystemLog(destination: .console, identifier: "test", level: .info, backlog: backlog)
            LoggingSystem.bootstrap(
                { label, _ in log.makeHandler(label: label) },
                metadataProvider: Logger.MetadataProvider { ["of": "system"] }
            )
            Logger(label: "test").info("hello")
            Logger(label: "test", metadataProvider: Logger.MetadataProvider { ["of": "logger"] }).info(
                "hello"
            )
            #expect(keeper.fields(of: log) == [["of": "system"], ["of": "logger"]])
        }
    }

    @Test func anErrorEndsTheMessageAndIsInTheFields() {
        let log = makeLog()
        Logger(label: "test", factory: log.makeHandler).error("cannot listen", error: Refused())
        #expect(keeper.records(of: log).map(\.message) == ["cannot listen: refused"])
        let type = String(reflecting: Refused.self)
        #expect(keeper.fields(of: log) == [["error.message": "refused", "error.type": type]])
    }

    @Test func onlyALabelThatSaysMoreThanTheIdentifierIsAField() {
        let log = makeLog()
        Logger(label: "test", factory: log.makeHandler).info("hello")
        Logger(label: "test.http", factory: log.makeHandler).info("hello")
        Logger(label: "test.http", factory: log.makeHandler).info("hello", metadata: ["logger": "mine"])
        #expect(keeper.fields(of: log) == [[:], ["logger": "test.http"], ["logger": "mine"]])
    }
}
