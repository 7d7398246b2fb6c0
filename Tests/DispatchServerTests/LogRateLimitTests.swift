import Testing

@testable import DispatchServer

@Suite struct LogRateLimitTests {
    @Test func whatIsWithinTheBurstIsLogged() {
        var limit = LogRateLimit(burst: 3, interval: 1000)
        for second in 0..<10 as Range<Milliseconds> {
            for _ in 0..<3 { #expect(limit.decide(at: 5 + second * 1000) == .log(omitted: 0)) }
        }
        #expect(limit.takeOmitted(at: .max) == 0)
    }

    @Test func theRestIsCountedAndReportedWithTheNextMessage() {
        var limit = LogRateLimit(burst: 2, interval: 1000)
        let decisions = (0..<1_000).map { _ in limit.decide(at: 100) }
        #expect(decisions.filter { $0 == .log(omitted: 0) }.count == 2)
        #expect(decisions.filter { $0 == .omit }.count == 998)
        #expect(limit.decide(at: 1099) == .omit)
        #expect(limit.decide(at: 1100) == .log(omitted: 999))
        #expect(limit.decide(at: 1100) == .log(omitted: 0))
        #expect(limit.decide(at: 1100) == .omit)
    }

    @Test func theCountIsThereWhenNoMessageFollows() {
        var limit = LogRateLimit(burst: 1, interval: 1000)
        #expect(limit.takeOmitted(at: 0) == 0)
        for _ in 0..<5 { _ = limit.decide(at: 0) }
        #expect(limit.takeOmitted(at: 999) == 0)
        #expect(limit.takeOmitted(at: 1000) == 4)
        #expect(limit.takeOmitted(at: 2000) == 0)
        #expect(limit.decide(at: 2000) == .log(omitted: 0))
    }

    @Test func anIntervalBeginsWithItsFirstMessage() {
        var limit = LogRateLimit(burst: 1, interval: 1000)
        #expect(limit.decide(at: 10_500) == .log(omitted: 0))
        #expect(limit.decide(at: 11_400) == .omit)
        #expect(limit.decide(at: 11_500) == .log(omitted: 1))
        #expect(limit.decide(at: 12_000) == .omit)
    }

    @Test func aClockThatIsBehindOpensNoInterval() {
        var limit = LogRateLimit(burst: 1, interval: 1000)
        #expect(limit.decide(at: 5000) == .log(omitted: 0))
        #expect(limit.decide(at: 4990) == .omit)
        #expect(limit.decide(at: 0) == .omit)
        #expect(limit.takeOmitted(at: .max) == 2)
    }

    @Test func aBurstOfNothingStillLogsOne() {
        var limit = LogRateLimit(burst: 0, interval: 0)
        #expect(limit.decide(at: 1) == .log(omitted: 0))
    }
}
