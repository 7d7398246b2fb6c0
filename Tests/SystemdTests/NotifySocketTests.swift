import Dispatch
import Glibc
import Testing

@testable import Systemd

/// Messages through libsystemd, which reads NOTIFY_SOCKET itself. Each test is a separate process, where `setenv` does not
/// affect other tests.
@Suite struct NotifySocketTests {
    private static func exchange(over receiver: DatagramReceiver) {
        setenv("NOTIFY_SOCKET", receiver.address, 1)
        let notifier = Notifier()
        #expect(notifier.warning == nil)
        notifier.ready(status: "Listening")
        notifier.pingWatchdog()
        notifier.stopping()
        #expect(notifier.flush(deadline: .now() + 10))
        #expect(receiver.receive() == "READY=1\nSTATUS=Listening")
        #expect(receiver.receive() == "WATCHDOG=1")
        #expect(receiver.receive() == "STOPPING=1")
        #expect(receiver.isEmpty)
    }

    @Test func aPath() async {
        await #expect(processExitsWith: .success) {
            let directory = try TemporaryDirectory()
            let receiver = try DatagramReceiver(address: directory.path + "/notify")
            Self.exchange(over: receiver)
        }
    }

    @Test func anAbstractName() async {
        await #expect(processExitsWith: .success) {
            Self.exchange(over: try DatagramReceiver(address: "@systemd-tests.\(getpid())"))
        }
    }

    @Test func nobodyListens() async {
        await #expect(processExitsWith: .success) {
            setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1)
            let told = DispatchSemaphore(value: 0)
            let notifier = Notifier { text in
                #expect(text.contains("No such file"))
                told.signal()
            }
            notifier.ready()
            #expect(told.wait(timeout: .now() + 10) == .success)
        }
    }
}
