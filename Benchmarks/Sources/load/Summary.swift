import Foundation
import Histogram

/// The result of a run, as JSON on standard output.
struct Summary: Encodable {
    /// Microseconds.
    struct Latency: Encodable {
        let p50, p90, p99, p999, max, mean: Double
    }

    struct Generator: Encodable {
        let cpuSeconds: Double
        /// As a share of its threads: at 1 the generator is the limit.
        let share: Double
    }

    struct Server: Encodable {
        let cpuSeconds: Double
        let cpuMicrosecondsPerReply: Double
    }

    let clients: Int
    let seconds: Double
    let replies: Int
    let repliesPerSecond: Double
    let megabytesPerSecond: Double
    /// Since the first connection, with warm-up and drain.
    let repliesInAll: Int
    let unanswered: Int
    let latency: Latency
    let generator: Generator
    let server: Server?

    init(records: [Record], clients: Int, window: Window, hasServer: Bool) {
        var histogram = Histogram<UInt64>(highestTrackableValue: UInt64(UInt32.max))
        for latency in records.lazy.flatMap(\.latencies) { histogram.record(UInt64(max(1, latency))) }
        func microseconds(_ percentile: Double) -> Double {
            Double(histogram.valueAtPercentile(percentile)) / 1000
        }
        self.clients = clients
        seconds = window.seconds
        replies = records.reduce(0) { $0 + $1.latencies.count }
        repliesPerSecond = Double(replies) / seconds
        megabytesPerSecond = Double(records.reduce(0) { $0 + $1.bytes }) / seconds / 1e6
        repliesInAll = records.reduce(0) { $0 + $1.answeredInAll }
        unanswered = records.reduce(0) { $0 + $1.unanswered }
        latency = Latency(
            p50: microseconds(50),
            p90: microseconds(90),
            p99: microseconds(99),
            p999: microseconds(99.9),
            max: Double(histogram.maxRecorded) / 1000,
            mean: histogram.mean / 1000
        )
        let generatorSeconds = Double(records.reduce(0) { $0 + $1.generatorTime }) / 1e9
        generator = Generator(
            cpuSeconds: generatorSeconds,
            share: generatorSeconds / seconds / Double(records.count)
        )
        let serverSeconds = Double(records.reduce(0) { $0 + $1.serverTime }) / 1e9
        server =
            hasServer
            ? Server(
                cpuSeconds: serverSeconds,
                cpuMicrosecondsPerReply: replies == 0 ? 0 : serverSeconds * 1e6 / Double(replies)
            ) : nil
    }

    func print() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        Swift.print(String(decoding: try encoder.encode(self), as: UTF8.self))
    }
}
