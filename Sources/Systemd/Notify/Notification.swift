import TextEscaping

/// One datagram to the service manager: lines of `NAME=value`, see sd_notify(3).
struct Notification: Sendable, Equatable {
    /// What may happen to a notification while it waits to be sent.
    enum Kind: Sendable, Equatable {
        /// READY, RELOADING, STOPPING: each is sent, in the order of the calls.
        case lifecycle
        /// FDSTORE, FDSTOREREMOVE: each is sent, in the same order, after STOPPING too.
        case store
        /// Each of these replaces an older one of its kind that still waits.
        case status, extendTimeout, watchdog
    }

    let kind: Kind
    let text: String
    /// The descriptor to send with it.
    var descriptor: SharedDescriptor?

    /// systemd ignores a datagram of more than 4,096 bytes (its NOTIFY_BUFFER_MAX) as a whole, READY=1 included. The
    /// remaining bytes are enough for the other assignments.
    static let statusLimit = 2048

    static func ready(status: String?) -> Notification {
        Notification(kind: .lifecycle, text: "READY=1" + statusLine(status))
    }

    /// A reload ends with the next READY=1. With Type=notify-reload systemd accepts RELOADING=1 only with a time in the same datagram
    /// that is not before its signal.
    static func reloading(monotonicMicroseconds: UInt64, status: String?) -> Notification {
        Notification(
            kind: .lifecycle,
            text: "RELOADING=1\nMONOTONIC_USEC=\(monotonicMicroseconds)" + statusLine(status)
        )
    }

    static func stopping(status: String?) -> Notification {
        Notification(kind: .lifecycle, text: "STOPPING=1" + statusLine(status))
    }

    static func status(_ status: String) -> Notification {
        Notification(kind: .status, text: "STATUS=" + statusValue(status))
    }

    static func extendTimeout(microseconds: UInt64) -> Notification {
        Notification(kind: .extendTimeout, text: "EXTEND_TIMEOUT_USEC=\(microseconds)")
    }

    /// - Parameter name: A valid one, so that it cannot carry a second assignment.
    static func store(_ descriptor: SharedDescriptor, name: String, isWatched: Bool) -> Notification {
        Notification(
            kind: .store,
            text: "FDSTORE=1\nFDNAME=\(name)" + (isWatched ? "" : "\nFDPOLL=0"),
            descriptor: descriptor
        )
    }

    static func removeStored(name: String) -> Notification {
        Notification(kind: .store, text: "FDSTOREREMOVE=1\nFDNAME=\(name)")
    }

    static let watchdog = Notification(kind: .watchdog, text: "WATCHDOG=1")

    private static func statusLine(_ status: String?) -> String {
        status.map { "\nSTATUS=" + statusValue($0) } ?? ""
    }

    private static func statusValue(_ status: String) -> String {
        PrintableText.clip(PrintableText.escape(status), toUTF8Count: statusLimit)
    }
}

/// The notifications that wait for a slow service manager. It is bounded: it keeps all notifications of the lifecycle and the
/// store, but only the newest status, one ping and one extension.
struct NotificationBacklog {
    private var waiting: [Notification] = []

    mutating func append(_ notification: Notification) {
        if notification.kind != .lifecycle, notification.kind != .store {
            waiting.removeAll { $0.kind == notification.kind }
        }
        waiting.append(notification)
    }

    mutating func removeFirst() -> Notification? {
        waiting.isEmpty ? nil : waiting.removeFirst()
    }
}
