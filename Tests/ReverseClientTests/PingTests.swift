import Sockets
import Testing

@testable import ReverseClient

@Suite struct PingTests {
    private let endpoint = Endpoint.internet(host: "test", port: 1)

    @Test func nothingHasNoSummary() {
        #expect(PingStatistics().summary == nil)
    }

    @Test func theSummaryIsByNearestRank() throws {
        var statistics = PingStatistics()
        for number in (1...200).reversed() { statistics.add(.answered(.milliseconds(number))) }
        let summary = try #require(statistics.summary)
        #expect(summary.minimum == .milliseconds(1) && summary.median == .milliseconds(100))
        #expect(summary.p99 == .milliseconds(198) && summary.maximum == .milliseconds(200))
    }

    @Test func oneAnswerIsAllOfThem() throws {
        var statistics = PingStatistics()
        statistics.add(.answered(.milliseconds(3)))
        let summary = try #require(statistics.summary)
        #expect(summary == (.milliseconds(3), .milliseconds(3), .milliseconds(3), .milliseconds(3)))
    }

    @Test func lostAndWrongAreToldApart() {
        var statistics = PingStatistics()
        let failures: [ClientError.Reason] = [
            .timedOut(.seconds(1)), .notReversed, .wrongAnswer(.terminator(line: 1)),
            .closedEarly(reason: ""),
        ]
        for reason in failures { statistics.add(.failed(ClientError(reason, endpoint: endpoint))) }
        #expect(statistics.sent == 4 && statistics.answered == 0)
        #expect(statistics.wrong == 2 && statistics.lost == 2)
        #expect(statistics.lastFailure?.reason == .closedEarly(reason: ""))
    }
}
