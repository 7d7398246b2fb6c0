import Testing

@testable import ReverseClient

@Suite struct RetryTests {
    private let start = ContinuousClock.now

    @Test func withoutPatienceTheFirstLossIsTheEnd() {
        var retry = Retry(policy: .never)
        #expect(retry.lost(at: start, chance: 0.5) == .giveUp(tried: nil))
    }

    @Test func thePausesGrowUpToTheLongestAndAreJittered() {
        let policy = RetryPolicy(
            timeLimit: .seconds(100),
            firstPause: .milliseconds(20),
            longestPause: .milliseconds(100)
        )
        var least = Retry(policy: policy)
        var most = Retry(policy: policy)
        for whole in [20, 40, 80, 100, 100] {
            #expect(least.lost(at: start, chance: 0) == .again(after: .milliseconds(whole) / 2))
            #expect(most.lost(at: start, chance: 1) == .again(after: .milliseconds(whole)))
        }
    }

    @Test func itEndsWhenThePatienceDoesAndNotBefore() {
        var retry = Retry(
            policy: RetryPolicy(timeLimit: .seconds(2), firstPause: .seconds(1), longestPause: .seconds(8))
        )
        #expect(retry.lost(at: start, chance: 1) == .again(after: .seconds(1)))
        // One of the two seconds is left, so the pause is shortened.
        #expect(retry.lost(at: start + .seconds(1), chance: 1) == .again(after: .seconds(1)))
        #expect(retry.lost(at: start + .seconds(2), chance: 1) == .giveUp(tried: .seconds(2)))
    }

    @Test func anAnswerBeginsANewCount() {
        var retry = Retry(policy: RetryPolicy(timeLimit: .seconds(2)))
        _ = retry.lost(at: start, chance: 1)
        retry.progressed()
        #expect(retry.lost(at: start + .seconds(50), chance: 1) == .again(after: .milliseconds(20)))
    }

    @Test func aServerThatComesAndGoesIsTriedOften() {
        #expect(RetryPolicy(timeLimit: .seconds(5)).longestPause == .milliseconds(250))
        #expect(RetryPolicy(timeLimit: .seconds(600)).longestPause == .seconds(1))
        #expect(RetryPolicy(timeLimit: .milliseconds(1)).longestPause == .milliseconds(20))
    }
}
