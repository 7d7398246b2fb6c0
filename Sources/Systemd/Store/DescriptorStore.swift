import CSystemd
import Dispatch
import Glibc
import Synchronization
import TextEscaping

/// The file descriptor store: the service manager keeps open descriptors of the service while its process ends and the next
/// one starts (systemd.service(5), FileDescriptorStoreMax=; sd_notify(3), FDSTORE=1).
///
/// What is stored comes back in the next process, among the sockets of ``ActivationSockets``, under the name that it was
/// stored with. It comes back after a restart and after a crash, not after a stop.
///
/// - The store has a limited number of places. What is too much is closed by systemd, which only logs it; the service does
///   not learn it. So a daemon must not lose anything when a descriptor is not kept.
/// - systemd compares each new descriptor with all that it has: some, not thousands.
/// - A duplicate that is stored keeps a connection open: who ends it must call shutdown(2) before close(2).
///
/// Like everything here it does nothing outside systemd, and no call waits.
public struct DescriptorStore: Sendable {
    private let notifier: Notifier

    /// - Parameter notifier: Its messages and those of the store go out in one order.
    public init(_ notifier: Notifier) { self.notifier = notifier }

    /// Whether `name` may be the name of a descriptor: 1 to 255 ASCII characters, none of them a control character or `:`.
    public static func isName(_ name: String) -> Bool {
        (1...255).contains(name.utf8.count)
            && name.utf8.allSatisfy { (0x20..<0x7f).contains($0) && $0 != 0x3a }
    }

    /// Has the service manager keep a duplicate of a descriptor. One that is kept already, under whatever name, stays as it is.
    ///
    /// - Parameters:
    ///   - descriptor: Stays the caller's, and may be closed after the call.
    ///   - name: See ``isName(_:)``. Several descriptors may have the same name, and are then removed together.
    ///   - isWatched: Whether systemd removes it when it has an error or its other end is closed (FDPOLL=).
    /// - Returns: False for a name that is none, and where the descriptor is not open.
    @discardableResult
    public func store(_ descriptor: Int32, as name: String, isWatched: Bool = true) -> Bool {
        guard Self.isName(name) else { return false }
        guard notifier.isActive else { return true }
        guard let duplicate = SharedDescriptor(duplicating: descriptor) else { return false }
        notifier.post(.store(duplicate, name: name, isWatched: isWatched))
        return true
    }

    /// Has the service manager forget every descriptor with this name.
    public func remove(_ name: String) {
        guard Self.isName(name), notifier.isActive else { return }
        notifier.post(.removeStored(name: name))
    }

    /// Calls `body` once the service manager has dealt with everything that was said so far, by the store and by the notifier
    /// (sd_notify_barrier(3)). Before the process ends that must be awaited: what comes from a process that is gone may be
    /// ignored.
    ///
    /// - Parameters:
    ///   - timeout: How long to wait at most.
    ///   - body: Gets whether it came to that. It is called at once, with true, outside systemd. It runs on a queue of the
    ///     notifier's, or on the caller's thread.
    public func whenSettled(timeout: Duration, _ body: @escaping @Sendable (Bool) -> Void) {
        guard notifier.isActive else { return body(true) }
        let answer = FirstAnswer(body)
        notifier.afterSending { answer.give(sd_notify_barrier(0, timeout.wholeMicroseconds) >= 0) }
        // A manager that does not read holds up what is sent before the barrier.
        DispatchQueue.global().asyncAfter(
            deadline: .now() + .microseconds(Int(clamping: timeout.wholeMicroseconds))
        ) {
            answer.give(false)
        }
    }
}

/// Passes on the first of several answers.
private final class FirstAnswer: Sendable {
    private let receiver: Mutex<(@Sendable (Bool) -> Void)?>

    init(_ receiver: @escaping @Sendable (Bool) -> Void) { self.receiver = Mutex(receiver) }

    func give(_ answer: Bool) {
        let receiver = receiver.withLock { receiver in
            defer { receiver = nil }
            return receiver
        }
        receiver?(answer)
    }
}

/// A descriptor that is closed with its last owner.
final class SharedDescriptor: Sendable, Equatable {
    let number: Int32

    /// Nil where the descriptor is not open, or there is none left.
    init?(duplicating descriptor: Int32) {
        number = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        guard number >= 0 else { return nil }
    }

    deinit { if number >= 0 { close(number) } }

    static func == (one: SharedDescriptor, other: SharedDescriptor) -> Bool { one.number == other.number }
}

/// A descriptor that came back from the store.
public struct StoredDescriptor: Sendable, Equatable {
    /// The descriptor, close-on-exec, of any kind. It is the caller's to close; the store keeps its own until it is removed.
    public let descriptor: Int32
    /// The name that it was stored with.
    public let name: String
}
