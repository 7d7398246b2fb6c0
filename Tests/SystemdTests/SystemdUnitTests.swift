import Dispatch
import Glibc
import Testing

@testable import Systemd

/// Questions to a service manager, over D-Bus as libsystemd speaks it. Each test is a process of its own: see `FakeManager`.
@Suite struct SystemdUnitTests {
    private static let unit = "/org/freedesktop/systemd1/unit/"
    private static let service = unit + "reversed_2eservice"
    private static let job = "/org/freedesktop/systemd1/job/7"

    @Test func propertiesAreReadByTheirTypes() async {
        await #expect(processExitsWith: .success) {
            let directory = try TemporaryDirectory()
            _ = try FakeManager(
                in: directory,
                [
                    Self.service: [
                        "LoadState": .text("loaded"), "User": .text(""), "Label": .text("größe"),
                        "PrivateTmp": .flag(true), "DynamicUser": .flag(false),
                        "LimitNOFILE": .number(.max), "ReadWritePaths": .texts(["/a", "", "/b c"]),
                        "RuntimeDirectory": .texts([]),
                    ]
                ]
            )
            let unit = try #require(SystemdUnit("reversed.service"))
            #expect(unit.text("User") == "")
            #expect(unit.text("Label", .unit) == "größe")
            #expect(unit.flag("PrivateTmp") == true)
            #expect(unit.flag("DynamicUser") == false)
            #expect(unit.number("LimitNOFILE") == .max)
            #expect(unit.texts("ReadWritePaths") == ["/a", "", "/b c"])
            #expect(unit.texts("RuntimeDirectory") == [])
            // A property that does not exist, and one of another type.
            #expect(unit.text("Nothing") == nil)
            #expect(unit.texts("Nothing") == nil)
            #expect(unit.flag("Nothing") == nil)
            #expect(unit.text("PrivateTmp") == nil)
            #expect(unit.texts("User") == nil)
            #expect(unit.number("PrivateTmp") == nil)
        }
    }

    @Test func aUnitThatIsNotLoadedIsNone() async {
        await #expect(processExitsWith: .success) {
            let directory = try TemporaryDirectory()
            _ = try FakeManager(in: directory, [Self.service: ["LoadState": .text("not-found")]])
            #expect(SystemdUnit("reversed.service") == nil)
            #expect(SystemdUnit("other.service") == nil)
            // The manager does not know this process either.
            #expect(SystemdUnit(ofThisProcessWithin: .seconds(10)) == nil)
        }
    }

    @Test func withoutABusThereIsNoAnswer() async {
        await #expect(processExitsWith: .success) {
            setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1)
            #expect(SystemdUnit("reversed.service") == nil)
            #expect(SystemdUnit(ofThisProcessWithin: .seconds(10)) == nil)
            #expect(await Self.jobOfThisProcess() == nil)
        }
    }

    /// What the manager says of the unit of this process, apart from its job.
    private static func main(_ others: [String: FakeManager.Value]) -> [String: FakeManager.Value] {
        ["MainPID": .count(UInt32(clamping: getpid()))].merging(others) { $1 }
    }

    private static func jobOfThisProcess(within timeout: Duration = .seconds(60)) async -> ServiceJob? {
        await withCheckedContinuation { continuation in
            ServiceJob.ofThisProcess(timeout: timeout, on: .global()) { continuation.resume(returning: $0) }
        }
    }

    private static func expectJob(
        _ expected: ServiceJob?,
        type: FakeManager.Value,
        _ properties: [String: FakeManager.Value] = [:],
        others: [String: [String: FakeManager.Value]] = [:]
    ) async throws {
        let directory = try TemporaryDirectory()
        let unit = main(["Job": .job(7, path: job)].merging(properties) { $1 })
        let objects = [service: unit, job: ["JobType": type]].merging(others) { $1 }
        _ = try FakeManager(in: directory, ownUnit: service, objects)
        #expect(await jobOfThisProcess() == expected)
    }

    @Test func aRestartSaysWhatItStartsAndStores() async {
        await #expect(processExitsWith: .success) {
            try await Self.expectJob(
                .restart(startsSocket: true, hasStore: true),
                type: .text("restart"),
                [
                    "TriggeredBy": .texts(["idle.socket", "reversed.socket"]),
                    "FileDescriptorStoreMax": .count(3), "NFileDescriptorStore": .count(2),
                ],
                others: [
                    Self.unit + "idle_2esocket": ["Job": .job(0, path: "/")],
                    Self.unit + "reversed_2esocket": ["Job": .job(8, path: Self.job)],
                ]
            )
        }
        await #expect(processExitsWith: .success) {
            try await Self.expectJob(
                .restart(startsSocket: false, hasStore: false),
                type: .text("try-restart"),
                [
                    "TriggeredBy": .texts(["idle.socket", "unknown.socket"]),
                    "FileDescriptorStoreMax": .count(2), "NFileDescriptorStore": .count(2),
                ],
                others: [Self.unit + "idle_2esocket": ["Job": .job(0, path: "/")]]
            )
        }
        // A manager that says nothing about a store and sockets.
        await #expect(processExitsWith: .success) {
            try await Self.expectJob(.restart(startsSocket: false, hasStore: true), type: .text("restart"))
        }
    }

    @Test func anotherJobHasItsName() async {
        await #expect(processExitsWith: .success) {
            try await Self.expectJob(.other("stop"), type: .text("stop"))
        }
    }

    @Test func withoutAJobNothingIsDone() async {
        await #expect(processExitsWith: .success) {
            try await Self.expectJob(.nothing, type: .text("stop"), ["Job": .job(0, path: "/")])
        }
    }

    @Test func anAnswerThatCannotBeReadIsNone() async {
        await #expect(processExitsWith: .success) {
            try await Self.expectJob(nil, type: .text("stop"), ["Job": .text("7")])
        }
        await #expect(processExitsWith: .success) {
            try await Self.expectJob(nil, type: .flag(true))
        }
    }

    @Test func theJobOfAnotherProcessIsNotOurs() async {
        await #expect(processExitsWith: .success) {
            try await Self.expectJob(nil, type: .text("stop"), ["MainPID": .count(1)])
        }
    }

    @Test func aManagerThatDoesNotAnswerIsNotWaitedFor() async {
        await #expect(processExitsWith: .success) {
            let directory = try TemporaryDirectory()
            let objects = [Self.service: Self.main(["Job": .silence])]
            _ = try FakeManager(in: directory, ownUnit: Self.service, objects)
            let clock = ContinuousClock()
            let start = clock.now
            #expect(await Self.jobOfThisProcess(within: .milliseconds(200)) == nil)
            #expect(clock.now - start < .seconds(60))
        }
    }
}
