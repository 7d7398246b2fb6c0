import Testing

@testable import Systemd

@Suite struct StatusThrottleTests {
    private let start = SuspendingClock.Instant.now

    private func at(_ milliseconds: Int) -> SuspendingClock.Instant {
        start.advanced(by: .milliseconds(milliseconds))
    }

    @Test func onlyChangesAndOnceASecond() {
        var throttle = StatusThrottle(interval: .seconds(1))
        #expect(throttle.offer("a", at: at(0)) == .send("a"))
        #expect(throttle.offer("a", at: at(10)) == .nothing)
        #expect(throttle.offer("b", at: at(20)) == .wait(until: at(1000)))
        #expect(throttle.offer("c", at: at(30)) == .nothing)
        #expect(throttle.timerFired(at: at(990)) == .wait(until: at(1000)))
        #expect(throttle.timerFired(at: at(1000)) == .send("c"))
        #expect(throttle.timerFired(at: at(1001)) == .nothing)
        #expect(throttle.offer("d", at: at(2000)) == .send("d"))
    }

    @Test func backToWhatIsShownNeedsNothing() {
        var throttle = StatusThrottle(interval: .seconds(1))
        #expect(throttle.offer("a", at: at(0)) == .send("a"))
        #expect(throttle.offer("b", at: at(1)) == .wait(until: at(1000)))
        #expect(throttle.offer("a", at: at(2)) == .nothing)
        #expect(throttle.timerFired(at: at(1000)) == .nothing)
    }

    @Test func aLifecycleStatusOvertakesAWaitingOne() {
        var throttle = StatusThrottle(interval: .seconds(1))
        #expect(throttle.offer("a", at: at(0)) == .send("a"))
        #expect(throttle.offer("b", at: at(1)) == .wait(until: at(1000)))
        throttle.wasShown("Draining", at: at(500))
        #expect(throttle.timerFired(at: at(1000)) == .nothing)
        #expect(throttle.offer("a", at: at(1001)) == .wait(until: at(1500)))
        #expect(throttle.takeWaiting() == "a")
    }
}
