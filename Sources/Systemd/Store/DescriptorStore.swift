import CSystemd
import Dispatch
import Glibc
import TextEscaping

/// The file descriptor store: the service manager keeps open descriptors of the service while its process ends and the next
/// one starts (systemd.service(5), FileDescriptorStoreMax=; sd_notify(3), FDSTORE=1).
///
/// The next process gets the stored descriptors with their names, among the sockets of ``ActivationSockets``, after a restart or a
/// crash, but not after a stop.
///
/// - The store has a limited size. systemd closes further descriptors and only logs that; the service does not learn it. So a
///   daemon must not lose data if a descriptor is not stored.
/// - systemd compares each new descriptor with all stored ones, so do not store thousands.
/// - A stored duplicate keeps a connection open: call shutdown(2) before close(2) to end it.
///
/// Outside systemd every call does nothing, and no call waits.
public struct DescriptorStore: Sendable {
    private let notifier: Notifier

    /// The store of the service manager that the notifier writes to.
    ///
    /// - Parameter notifier: Sends the messages of the store, in order with its own.
    public init(_ notifier: Notifier) { self.notifier = notifier }

    /// Whether `name` may be the name of a descriptor: 1 to 255 ASCII characters, none of them a control character or `:`.
    public static func isName(_ name: String) -> Bool {
        (1...255).contains(name.utf8.count)
            && name.utf8.allSatisfy { (0x20..<0x7f).contains($0) && $0 != 0x3a }
    }

    /// Stores a duplicate of a descriptor in the service manager. If the same file is stored already, with any name, nothing changes.
    ///
    /// - Parameters:
    ///   - descriptor: Still owned by the caller, who may close it after the call.
    ///   - name: See ``isName(_:)``. Several descriptors may have the same name, and are then removed together.
    ///   - isWatched: Whether systemd removes it when it has an error or its other end is closed (FDPOLL=).
    /// - Returns: False for an invalid name, and if the descriptor is not open.
    @discardableResult
    public func store(_ descriptor: Int32, as name: String, isWatched: Bool = true) -> Bool {
        guard Self.isName(name) else { return false }
        guard notifier.isActive else { return true }
        guard let duplicate = SharedDescriptor(duplicating: descriptor) else { return false }
        notifier.post(.store(duplicate, name: name, isWatched: isWatched))
        return true
    }

    /// Removes all descriptors with this name from the store.
    public func remove(_ name: String) {
        guard Self.isName(name), notifier.isActive else { return }
        notifier.post(.removeStored(name: name))
    }

    /// Calls `body` once the service manager has processed all messages so far, of the store and of the notifier
    /// (sd_notify_barrier(3)). Wait for this before the process ends: messages of a process that has ended may be ignored.
    ///
    /// - Parameters:
    ///   - timeout: The maximum time to wait.
    ///   - body: Gets false after a timeout. Outside systemd it is called at once, with true. It runs on a queue of the notifier, or
    ///     on the caller's thread.
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

/// A descriptor that is closed with its last owner.
final class SharedDescriptor: Sendable, Equatable {
    let number: Int32

    /// Nil if the descriptor is not open, or the process has no free descriptor.
    init?(duplicating descriptor: Int32) {
        number = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        guard number >= 0 else { return nil }
    }

    deinit { if number >= 0 { close(number) } }

    static func == (one: SharedDescriptor, other: SharedDescriptor) -> Bool { one.number == other.number }
}

/// A descriptor from the store.
public struct StoredDescriptor: Sendable, Equatable {
    /// The descriptor, close-on-exec, of any kind. The caller must close it. The store keeps a duplicate until it is removed.
    public let descriptor: Int32
    /// The name that it was stored with.
    public let name: String
}
