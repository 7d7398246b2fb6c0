import Dispatch
import Glibc
import Synchronization
import Testing

@testable import Systemd

@Suite struct NotifierTests {
    private static let somewhere: Environment = ["NOTIFY_SOCKET": "/run/systemd/notify"]

    private static func notifier(_ sender: RecordingSender, statusInterval: Duration = .seconds(1))
        -> Notifier
    {
        Notifier(environment: somewhere, statusInterval: statusInterval, send: sender.send)
    }

    private static func flush(_ notifier: Notifier) -> Bool {
        notifier.flush(deadline: .now() + 10)
    }

    @Test func withoutASocketNothingIsSent() {
        for environment: Environment in [[:], ["NOTIFY_SOCKET": ""]] {
            let sender = RecordingSender()
            let notifier = Notifier(environment: environment, send: sender.send)
            notifier.ready(status: "x")
            notifier.status("y")
            notifier.beginReload().finish()
            notifier.stopping()
            #expect(Self.flush(notifier))
            #expect(sender.all.isEmpty)
            #expect(notifier.warning == nil)
            #expect(!notifier.isActive)
        }
    }

    @Test(arguments: ["/run/systemd/notify", "@notify", "vsock:2:1234"])
    func anAddressOfAnyKindIsUsed(_ address: String) {
        let sender = RecordingSender()
        let notifier = Notifier(environment: ["NOTIFY_SOCKET": address], send: sender.send)
        #expect(notifier.warning == nil)
        notifier.ready()
        #expect(Self.flush(notifier))
        #expect(sender.all == ["READY=1"])
    }

    @Test(arguments: [
        "nonsense", "@", "/", "relative/path", "127.0.0.1:5", "\n/x",
        "/" + String(repeating: "x", count: 107),
    ])
    func nonsenseIsAWarning(_ address: String) {
        let sender = RecordingSender()
        let notifier = Notifier(environment: ["NOTIFY_SOCKET": address], send: sender.send)
        notifier.ready()
        #expect(Self.flush(notifier))
        #expect(sender.all.isEmpty)
        let warning = notifier.warning ?? ""
        #expect(warning.contains("NOTIFY_SOCKET="))
        #expect(!warning.contains("\n"))
    }

    @Test func aLifeInOrder() {
        let sender = RecordingSender()
        let notifier = Self.notifier(sender)
        notifier.ready(status: "Listening on 127.0.0.1:5000")
        notifier.extendTimeout(by: .milliseconds(1500))
        notifier.stopping(status: "Draining")
        #expect(Self.flush(notifier))
        #expect(
            sender.all == [
                "READY=1\nSTATUS=Listening on 127.0.0.1:5000",
                "EXTEND_TIMEOUT_USEC=1500000",
                "STOPPING=1\nSTATUS=Draining",
            ]
        )
    }

    @Test func statusCannotCarryAnotherAssignment() {
        let sender = RecordingSender()
        let notifier = Self.notifier(sender)
        notifier.ready(status: "a\nMAINPID=1\0b\r\nSTOPPING=1")
        notifier.stopping(status: String(repeating: "é\n", count: 10_000))
        #expect(Self.flush(notifier))
        #expect(sender.all.first == "READY=1\nSTATUS=a\\nMAINPID=1\\x00b\\r\\nSTOPPING=1")
        let long = sender.all.last ?? ""
        #expect(long.utf8.count < 4096 && long.hasSuffix("…"))
        #expect(long.split(separator: "\n").count == 2)
    }

    @Test func reloadingCarriesTheMonotonicTime() throws {
        let sender = RecordingSender()
        let notifier = Self.notifier(sender)
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let before = UInt64(now.tv_sec) * 1_000_000 + UInt64(now.tv_nsec) / 1000
        notifier.reloading { "Listening" }
        clock_gettime(CLOCK_MONOTONIC, &now)
        let after = UInt64(now.tv_sec) * 1_000_000 + UInt64(now.tv_nsec) / 1000
        #expect(Self.flush(notifier))
        let lines = try #require(sender.all.first).split(separator: "\n")
        #expect(lines.count == 3 && lines[0] == "RELOADING=1" && lines[2] == "STATUS=Reloading")
        let time = try #require(UInt64(lines[1].dropFirst("MONOTONIC_USEC=".count)))
        #expect(before <= time && time <= after)
        #expect(sender.all.dropFirst() == ["READY=1\nSTATUS=Listening"])
    }

    struct BadFile: Error, CustomStringConvertible {
        let description = "line 3: no such key"
    }

    @Test func aFailedReloadIsReadyAgain() {
        let sender = RecordingSender()
        let notifier = Self.notifier(sender)
        #expect(throws: BadFile.self) {
            try notifier.reloading { () throws(BadFile) in throw BadFile() }
        }
        #expect(Self.flush(notifier))
        #expect(sender.all.last == "READY=1\nSTATUS=Reload failed: line 3: no such key")
    }

    @Test func aForgottenReloadIsReadyAgainAndAFinishedOneOnlyOnce() {
        let sender = RecordingSender()
        let notifier = Self.notifier(sender)
        do { _ = notifier.beginReload() }
        do {
            let reload = notifier.beginReload()
            reload.finish(status: "a")
            reload.finish(status: "b")
        }
        #expect(Self.flush(notifier))
        let readies = sender.all.filter { $0.hasPrefix("READY=1") }
        #expect(readies == ["READY=1\nSTATUS=Reload was given up", "READY=1\nSTATUS=a"])
        #expect(sender.all.count == 4)
    }

    @Test func afterStoppingNothingComesBackToLife() {
        let sender = RecordingSender()
        let notifier = Self.notifier(sender)
        let reload = notifier.beginReload()
        notifier.stopping(status: "Stopping")
        reload.finish()
        notifier.ready()
        #expect(Self.flush(notifier))
        #expect(sender.all.count == 2 && sender.all.last == "STOPPING=1\nSTATUS=Stopping")
    }

    @Test func aSlowManagerBlocksNobodyAndLosesNoLifecycle() {
        let sender = RecordingSender(isGated: true)
        let notifier = Self.notifier(sender, statusInterval: .zero)
        notifier.ready(status: "first")
        #expect(sender.awaitArrival())
        for number in 0..<1_000 {
            notifier.status("status \(number)")
            notifier.pingWatchdog()
            notifier.extendTimeout(by: .microseconds(number))
        }
        let reload = notifier.beginReload()
        reload.finish(status: "reloaded")
        notifier.status("newest")
        notifier.stopping()
        #expect(!notifier.flush(deadline: .now() + .milliseconds(20)))
        sender.open()
        #expect(Self.flush(notifier))
        let names = sender.all.map { String($0.prefix { $0 != "=" }) }
        #expect(
            names.filter { ["READY", "RELOADING", "STOPPING"].contains($0) } == [
                "READY", "RELOADING", "READY", "STOPPING",
            ]
        )
        #expect(sender.all.filter { $0.hasPrefix("STATUS=") } == ["STATUS=newest"])
        #expect(sender.all.filter { $0 == "WATCHDOG=1" }.count == 1)
        #expect(sender.all.filter { $0.hasPrefix("EXTEND") } == ["EXTEND_TIMEOUT_USEC=999"])
    }

    @Test func aBurstOfStatusesEndsWithTheNewest() {
        let sender = RecordingSender()
        let notifier = Self.notifier(sender, statusInterval: .milliseconds(100))
        notifier.status("first")
        #expect(sender.awaitSent())
        for number in 1...1_000 { notifier.status("status \(number)") }
        repeat {
            #expect(sender.awaitSent())
        } while sender.all.last != "STATUS=status 1000" && sender.all.count < 10
        // Exactly two, unless the test is delayed for the length of the interval; StatusThrottleTests are exact.
        #expect(sender.all.first == "STATUS=first" && sender.all.count < 10)
    }

    @Test func aWaitingStatusGoesOutWithTheFlush() {
        let sender = RecordingSender()
        let notifier = Self.notifier(sender, statusInterval: .seconds(3600))
        notifier.status("a")
        #expect(sender.awaitSent())
        notifier.status("b")
        #expect(Self.flush(notifier))
        #expect(sender.all == ["STATUS=a", "STATUS=b"])
    }

    @Test func failuresAreToldOnceUntilItWorksAgain() {
        let sender = RecordingSender(answers: [-ENOENT, -ENOENT, 1, -ECONNREFUSED])
        let told = Mutex<[String]>([])
        let notifier = Notifier(environment: Self.somewhere, send: sender.send) { text in
            told.withLock { $0.append(text) }
        }
        for _ in 0..<4 { notifier.ready() }
        #expect(Self.flush(notifier))
        let sentences = told.withLock { $0 }
        #expect(sentences.count == 2)
        #expect(
            sentences.first?.contains("READY") == true && sentences.first?.contains("No such file") == true
        )
    }

    @Test func durationsNeverTrap() {
        #expect(Duration.seconds(-5).wholeMicroseconds == 0)
        #expect(Duration.seconds(Int64.max).wholeMicroseconds == .max)
        #expect(Duration.milliseconds(1500).wholeMicroseconds == 1_500_000)
    }
}
