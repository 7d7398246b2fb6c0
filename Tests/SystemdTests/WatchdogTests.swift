import Dispatch
import Testing

@testable import Systemd

@Suite struct WatchdogTests {
    private func notifier(_ sender: RecordingSender) -> Notifier {
        Notifier(environment: ["NOTIFY_SOCKET": "/run/systemd/notify"], send: sender.send)
    }

    @Test func aStuckQueueGivesNoPingAndALateOneGivesOne() {
        let sender = RecordingSender()
        let notifier = notifier(sender)
        let served = DispatchQueue(label: "test.served")
        let stuck = DispatchSemaphore(value: 0)
        served.async { stuck.wait() }
        let watchdog = Watchdog(period: .seconds(3600), through: served, notifier: notifier)
        for _ in 0..<5 {
            watchdog.probe()
            // So that the notifier cannot merge several pings.
            served.async { _ = notifier.flush(deadline: .now() + 10) }
        }
        #expect(notifier.flush(deadline: .now() + 10))
        #expect(sender.all.isEmpty)

        stuck.signal()
        served.sync {}
        #expect(notifier.flush(deadline: .now() + 10))
        #expect(sender.all == ["WATCHDOG=1"])

        watchdog.probe()
        served.sync {}
        #expect(notifier.flush(deadline: .now() + 10))
        #expect(sender.all == ["WATCHDOG=1", "WATCHDOG=1"])
    }

    @Test func aFreeQueueIsPingedAgainAndAgain() {
        let sender = RecordingSender()
        let watchdog = Watchdog(
            period: .milliseconds(20),
            through: DispatchQueue(label: "test.served", attributes: .concurrent),
            notifier: notifier(sender)
        )
        watchdog.start()
        for _ in 0..<3 { #expect(sender.awaitSent()) }
        watchdog.stop()
        #expect(Set(sender.all) == ["WATCHDOG=1"])
    }

    @Test func theIntervalIsHalfThePeriodWithinReason() {
        #expect(Watchdog.interval(for: .seconds(30)) == .microseconds(15_000_000))
        #expect(Watchdog.interval(for: .microseconds(1)) == .microseconds(1_000))
        #expect(Watchdog.interval(for: .microseconds(Int64.max)) == .microseconds(86_400_000_000))
    }

    @Test func aRequestForUsIsHeard() {
        let absent = WatchdogRequest(environment: [:], processID: 7)
        #expect(absent.period == nil && absent.warning == nil)
        let forAnybody = WatchdogRequest(environment: ["WATCHDOG_USEC": "30000000"], processID: 7)
        #expect(forAnybody.period == .seconds(30) && forAnybody.warning == nil)
        let forUs = WatchdogRequest(
            environment: ["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"],
            processID: 7
        )
        #expect(forUs.period == .seconds(30))
        let forAnother = WatchdogRequest(
            environment: ["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"],
            processID: 7
        )
        #expect(forAnother.period == nil && forAnother.warning == nil)
    }

    @Test(arguments: [
        "x", "", "-1", "+5", "0", "1.5", "30s", "18446744073709551615", "99999999999999999999999",
    ])
    func aNonsensePeriodIsAWarning(_ value: String) {
        let request = WatchdogRequest(environment: ["WATCHDOG_USEC": value], processID: 7)
        #expect(request.period == nil)
        #expect(request.warning?.hasPrefix("WATCHDOG_USEC=\(value) ") == true)
    }

    @Test(arguments: ["x", "", "0", "-7"])
    func aNonsenseProcessIsAWarning(_ value: String) {
        let request = WatchdogRequest(
            environment: ["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": value],
            processID: 7
        )
        #expect(request.period == nil)
        #expect(request.warning?.hasPrefix("WATCHDOG_PID=\(value) ") == true)
    }
}
