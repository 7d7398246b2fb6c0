import Dispatch
import Glibc
import Logging
import Testing

@testable import Systemd

@Suite struct LogBacklogTests {
    /// A pipe that this test reads.
    final class Pipe {
        let reader: Int32
        let writer: Int32

        init() throws {
            var ends: [Int32] = [-1, -1]
            try #require(pipe(&ends) == 0)
            (reader, writer) = (ends[0], ends[1])
        }

        deinit {
            close(reader)
            close(writer)
        }

        /// Writes empty lines until no more of them fit.
        func fill() {
            _ = fcntl(writer, F_SETFL, O_NONBLOCK)
            let lines = [UInt8](repeating: UInt8(ascii: "\n"), count: 4096)
            while write(writer, lines, lines.count) > 0 {}
            _ = fcntl(writer, F_SETFL, 0)
        }

        /// Reads until a line contains `text`, and returns all lines up to there.
        func lines(through text: String) -> [String] {
            var read: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                var readable = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
                guard poll(&readable, 1, 10_000) == 1 else { break }
                let count = Glibc.read(reader, &buffer, buffer.count)
                guard count > 0 else { break }
                read += buffer[..<count]
                let lines = String(decoding: read, as: UTF8.self).split(separator: "\n").map(String.init)
                if read.last == UInt8(ascii: "\n"), lines.contains(where: { $0.contains(text) }) {
                    return lines
                }
            }
            return []
        }
    }

    private func log(into descriptor: Int32, limit: Int) -> SystemLog {
        let writer = ConsoleLog(descriptor: descriptor, prefix: .timeAndLevel, showsMetadata: false)
        return SystemLog(
            destination: .console,
            level: .info,
            backlog: LogBacklog(limit: limit, writer: writer)
        )
    }

    @Test func aStalledReaderStallsNobodyAndIsToldWhatItMissed() throws {
        let pipe = try Pipe()
        pipe.fill()
        let log = log(into: pipe.writer, limit: 200_000)
        let logger = Logger(label: "test", factory: log.makeHandler)
        // The backlog takes 125,000 bytes of this level. The rest of these 10 MB is dropped without waiting.
        for number in 0..<10_000 { logger.info("record \(number) \(String(repeating: "x", count: 1000))") }
        #expect(!log.flush(deadline: .now() + .milliseconds(20)))

        var records: [String] = []
        var dropped = 0
        // One notice, or two if the writer first ran after the backlog was full.
        while records.count + dropped < 10_000 {
            let lines = pipe.lines(through: "dropped")
            try #require(!lines.isEmpty)
            for line in lines {
                let words = line.split(separator: " ")
                if line.hasSuffix("the reader of the log was too slow") {
                    #expect(words[2] == "warning:")
                    dropped += try #require(Int(words[3]))
                } else {
                    #expect(words[2] == "info:")
                    records.append(String(words[4]))
                }
            }
        }
        #expect(records.count + dropped == 10_000)
        #expect(log.droppedRecords == UInt64(dropped))
        #expect(records.count > 100 && records.count < 400)
        let numbers = records.compactMap { Int($0) }
        #expect(numbers == numbers.sorted() && Set(numbers).count == records.count)

        logger.info("it moves again")
        #expect(pipe.lines(through: "it moves again").count == 1)
        #expect(log.flush(deadline: .now() + 10))
    }

    @Test func aFloodHidesNothingThatIsMoreSevere() throws {
        let pipe = try Pipe()
        pipe.fill()
        let log = log(into: pipe.writer, limit: 200_000)
        let logger = Logger(label: "test", factory: log.makeHandler)
        // Each level fills its part. The higher levels still have space, however much the lower ones have written.
        let levels: [Logger.Level] = [.info, .notice, .warning, .error]
        for level in levels {
            for number in 0..<2_000 {
                logger.log(level: level, "flood \(number) \(String(repeating: "x", count: 1000))")
            }
        }
        #expect(!log.flush(deadline: .now() + .milliseconds(20)))
        logger.info("too late")

        var counts: [Substring: Int] = [:]
        var dropped = 0
        while counts.values.reduce(0, +) + dropped < 8_001 {
            let lines = pipe.lines(through: "dropped")
            try #require(!lines.isEmpty)
            for words in lines.map({ $0.split(separator: " ") }) {
                if words.last == "slow" {
                    dropped += try #require(Int(words[3]))
                } else {
                    counts[words[2], default: 0] += 1
                }
            }
        }
        // An eighth of the limit is 21 of these records.
        for level in ["notice:", "warning:", "error:"] {
            #expect((18...24).contains(counts[Substring(level)] ?? 0))
        }
        #expect((90...120).contains(counts["info:"] ?? 0))
    }

    @Test func manyThreadsLoseNothingWhileThereIsRoom() throws {
        let pipe = try Pipe()
        let log = log(into: pipe.writer, limit: 16 << 20)
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            let logger = Logger(label: "test", factory: log.makeHandler)
            for number in 0..<500 { logger.info("\(thread)/\(number)") }
        }
        DispatchQueue.global().async { Logger(label: "end", factory: log.makeHandler).info("end of test") }
        let lines = pipe.lines(through: "end of test")
        #expect(Set(lines.map { $0.split(separator: " ").last ?? "" }).count == 4_001)
    }

    @Test func aReaderThatIsGoneIsNoReasonToStop() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        signal(SIGPIPE, SIG_IGN)
        close(ends[0])
        defer { close(ends[1]) }
        let log = log(into: ends[1], limit: 200_000)
        let logger = Logger(label: "test", factory: log.makeHandler)
        for _ in 0..<10_000 { logger.info("into the void") }
        #expect(log.flush(deadline: .now() + 10))
    }

    @Test func aNonBlockingDescriptorLosesNothing() throws {
        let pipe = try Pipe()
        _ = fcntl(pipe.writer, F_SETFL, O_NONBLOCK)
        let log = log(into: pipe.writer, limit: 16 << 20)
        let logger = Logger(label: "test", factory: log.makeHandler)
        for number in 0..<3_000 { logger.info("record \(number) \(String(repeating: "x", count: 100))") }
        logger.info("end of test")
        #expect(pipe.lines(through: "end of test").count == 3_001)
    }

    @Test func aLevelChangeHoldsForEveryLogger() {
        let log = log(into: -1, limit: 1000)
        let first = Logger(label: "first", factory: log.makeHandler)
        var second = Logger(label: "second", factory: log.makeHandler)
        second.logLevel = .error
        log.level = .debug
        #expect(first.logLevel == .debug)
        #expect(second.logLevel == .error)
        #expect(log.level == .debug)
    }
}
