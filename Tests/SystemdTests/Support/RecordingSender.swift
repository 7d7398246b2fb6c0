import Dispatch
import Glibc
import Synchronization

/// Replaces sd_notify: keeps the messages, and can block like a service manager that reads nothing.
final class RecordingSender: Sendable {
    private let texts = Mutex<[String]>([])
    private let inodes = Mutex<[ino_t]>([])
    private let answers = Mutex<[Int32]>([])
    private let gate = DispatchSemaphore(value: 0)
    private let isGated: Bool
    private let arrival = DispatchSemaphore(value: 0)
    private let sent = DispatchSemaphore(value: 0)

    /// - Parameter answers: The results of the first calls; the others succeed.
    init(isGated: Bool = false, answers: [Int32] = []) {
        self.isGated = isGated
        self.answers.withLock { $0 = answers }
    }

    func send(_ text: String, _ descriptors: [Int32]) -> Int32 {
        arrival.signal()
        if isGated { gate.wait() }
        texts.withLock { $0.append(text) }
        inodes.withLock { $0 += descriptors.map(Self.inode) }
        sent.signal()
        return answers.withLock { $0.isEmpty ? 1 : $0.removeFirst() }
    }

    /// The inodes of the descriptors that were sent, 0 for one that was not open.
    var sentInodes: [ino_t] { inodes.withLock { $0 } }

    static func inode(_ descriptor: Int32) -> ino_t {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? status.st_ino : 0
    }

    var all: [String] { texts.withLock { $0 } }

    /// Waits until a call of `send` has begun.
    func awaitArrival() -> Bool { arrival.wait(timeout: .now() + 10) == .success }

    /// Waits until one more datagram has been sent.
    func awaitSent() -> Bool { sent.wait(timeout: .now() + 10) == .success }

    /// Lets this many blocked or future calls return.
    func open(_ count: Int = 1_000) {
        for _ in 0..<count { gate.signal() }
    }
}
