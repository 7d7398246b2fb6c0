import CLinux
import Dispatch
import Glibc
import Testing

@testable import Systemd

@Suite struct DescriptorStoreTests {
    private static func open() -> Int32 {
        let file = linux_memory_file("test")
        #expect(file >= 0)
        return file
    }

    @Test func whatIsStoredIsSentInOrder() throws {
        let sender = RecordingSender()
        let notifier = Notifier(environment: ["NOTIFY_SOCKET": "/run/notify"], send: sender.send)
        let store = DescriptorStore(notifier)
        let file = Self.open()
        notifier.ready()
        #expect(store.store(file, as: "one"))
        #expect(store.store(file, as: "two", isWatched: false))
        store.remove("one")
        notifier.stopping()
        // The store continues to work while the service stops.
        store.remove("two")
        let inode = RecordingSender.inode(file)
        close(file)
        #expect(notifier.flush(deadline: .now() + 10))
        #expect(
            sender.all == [
                "READY=1", "FDSTORE=1\nFDNAME=one", "FDSTORE=1\nFDNAME=two\nFDPOLL=0",
                "FDSTOREREMOVE=1\nFDNAME=one",
                "STOPPING=1", "FDSTOREREMOVE=1\nFDNAME=two",
            ]
        )
        #expect(sender.sentInodes == [inode, inode])
    }

    @Test func namesThatWouldSaySomethingElseAreRefused() {
        let sender = RecordingSender()
        let notifier = Notifier(environment: ["NOTIFY_SOCKET": "/run/notify"], send: sender.send)
        let store = DescriptorStore(notifier)
        for name in ["", "a:b", "a\nMAINPID=1", "é", String(repeating: "x", count: 256)] {
            #expect(!DescriptorStore.isName(name))
            #expect(!store.store(0, as: name))
            store.remove(name)
        }
        #expect(notifier.flush(deadline: .now() + 10))
        #expect(sender.all.isEmpty)
        #expect(DescriptorStore.isName(String(repeating: "x", count: 255)))
    }

    @Test func aDescriptorThatIsNotOpenIsNotSent() {
        let sender = RecordingSender()
        let notifier = Notifier(environment: ["NOTIFY_SOCKET": "/run/notify"], send: sender.send)
        #expect(!DescriptorStore(notifier).store(-1, as: "one"))
        #expect(notifier.flush(deadline: .now() + 10))
        #expect(sender.all.isEmpty)
    }

    @Test func outsideSystemdItIsSilent() {
        let sender = RecordingSender()
        let store = DescriptorStore(Notifier(environment: [:], send: sender.send))
        #expect(store.store(0, as: "one"))
        store.remove("one")
        let isCalled = DispatchSemaphore(value: 0)
        store.whenSettled(timeout: .seconds(1)) { isSettled in
            #expect(isSettled)
            isCalled.signal()
        }
        #expect(isCalled.wait(timeout: .now() + 10) == .success)
        #expect(sender.all.isEmpty)
    }

    @Test func theBarrierComesAfterEverything() async {
        await #expect(processExitsWith: .success) {
            let receiver = try DatagramReceiver(address: "@systemd-tests.\(getpid())")
            setenv("NOTIFY_SOCKET", receiver.address, 1)
            let notifier = Notifier()
            let store = DescriptorStore(notifier)
            let file = linux_memory_file("test")
            store.store(file, as: "one")
            let isSettled = DispatchSemaphore(value: 0)
            // Nobody closes the barrier's descriptor before it is received here, without its descriptor.
            store.whenSettled(timeout: .seconds(10)) { answer in
                #expect(answer)
                isSettled.signal()
            }
            #expect(receiver.receive() == "FDSTORE=1\nFDNAME=one")
            #expect(receiver.receive() == "BARRIER=1")
            #expect(isSettled.wait(timeout: .now() + 10) == .success)
        }
    }

    @Test func aManagerThatReadsNothingIsNotWaitedFor() {
        let sender = RecordingSender(isGated: true)
        defer { sender.open() }
        let notifier = Notifier(environment: ["NOTIFY_SOCKET": "/run/notify"], send: sender.send)
        notifier.ready()
        let isCalled = DispatchSemaphore(value: 0)
        DescriptorStore(notifier).whenSettled(timeout: .milliseconds(50)) { isSettled in
            #expect(!isSettled)
            isCalled.signal()
        }
        #expect(isCalled.wait(timeout: .now() + 10) == .success)
    }

    @Test func whatCameBackIsToldFromSockets() async {
        await #expect(processExitsWith: .success) {
            let row = ActivationSocketsTests.Row()
            try row.append(linux_memory_file("stored"))
            try row.append(linux_memory_file("stranger"))
            let variables = ActivationVariables(
                ["LISTEN_FDS": "2", "LISTEN_PID": "8", "LISTEN_FDNAMES": "mine:theirs"],
                processID: 8
            )
            let sockets = ActivationSockets(
                taking: variables,
                from: ActivationSocketsTests.Row.first,
                processID: 8,
                storedUnder: { $0 == "mine" }
            )
            #expect(sockets.stored.map(\.name) == ["mine"])
            #expect(sockets.stored.map(\.descriptor) == [ActivationSocketsTests.Row.first])
            #expect(sockets.closedNames == ["theirs"])
            #expect(sockets.warnings.count == 1)
            #expect(fcntl(ActivationSocketsTests.Row.first, F_GETFD) & FD_CLOEXEC != 0)
        }
    }

    @Test func memoryIsSealed() throws {
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        let file = try #require(SealedMemory.make("test", bytes))
        defer { close(file) }
        #expect(SealedMemory.bytes(of: file, limit: bytes.count) == bytes)
        #expect(SealedMemory.bytes(of: file, limit: bytes.count - 1) == nil)
        var byte: UInt8 = 1
        #expect(pwrite(file, &byte, 1, 0) == -1 && errno == EPERM)
        #expect(ftruncate(file, 0) == -1 && errno == EPERM)
        let open = Self.open()
        defer { close(open) }
        #expect(SealedMemory.bytes(of: open, limit: 10) == nil)
        #expect(SealedMemory.bytes(of: -1, limit: 10) == nil)
        // memfd_create(2) allows names of 249 bytes.
        #expect(SealedMemory.make(String(repeating: "x", count: 250), bytes) == nil)
    }
}
