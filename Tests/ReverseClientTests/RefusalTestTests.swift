import Testing

@testable import ReverseClient

@Suite struct RefusalTestTests {
    /// A connection ends after `sent` bytes of a line; returns whether the line counts as refused.
    private func lose(_ test: inout RefusalTest, sent: Int = 5, answersProbe: Bool = true) -> Bool {
        test.connectionOpened()
        if test.probe == .due {
            test.probeSent()
            #expect(!test.isPassed)
            if answersProbe { test.probeAnswered() }
        }
        return test.connectionLost(sent: sent)
    }

    @Test func aLineThatIsNeverAnsweredByAServerThatAnswersIsRefused() {
        var test = RefusalTest()
        #expect(lose(&test) == false)
        #expect(test.probe == .notNeeded)
        #expect(lose(&test) == false)
        #expect(lose(&test) == false)
        #expect(test.probe == .answered)
        #expect(lose(&test) == true)
    }

    @Test func aServerThatAnswersNothingRefusesNoLine() {
        var test = RefusalTest()
        for _ in 0..<100 { #expect(lose(&test, answersProbe: false) == false) }
    }

    @Test func anAnswerEndsTheSuspicion() {
        var test = RefusalTest()
        for _ in 0..<100 {
            for _ in 0..<3 { #expect(lose(&test) == false) }
            test.progressed()
        }
    }

    @Test func aConnectionOnWhichNothingWasSentSaysNothingOfALine() {
        var test = RefusalTest()
        for _ in 0..<100 { #expect(lose(&test, sent: 0) == false) }
    }
}
