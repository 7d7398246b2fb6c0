import CSystemd
import Dispatch
import Glibc
import Synchronization

/// Sends the state of the daemon to the service manager, see sd_notify(3).
///
/// Without NOTIFY_SOCKET in the environment every method is a silent no-op. No method waits: datagrams are sent in
/// order from a private serial queue, so a slow service manager never blocks a client. MAINPID is never sent: the process that
/// systemd started stays the main one.
public final class Notifier: Sendable {
    private struct State {
        var backlog = NotificationBacklog()
        var throttle: StatusThrottle
        var isStopping = false
    }

    /// Why NOTIFY_SOCKET is not usable, as a sentence for the log; nil when it is usable or absent.
    public let warning: String?

    /// Whether there is a service manager to talk to.
    public let isActive: Bool

    private let outbox: SerialOutbox<State, Notification>

    /// Checks whether there is a service manager. Nothing is sent yet.
    ///
    /// - Parameters:
    ///   - environment: Has NOTIFY_SOCKET. The address itself is read by libsystemd, from the environment of the process.
    ///   - statusInterval: The shortest time between two datagrams of ``status(_:)``.
    ///   - onFailure: Called with a sentence for the log when a datagram could not be sent; once, and again only after
    ///     another one could. It runs on the notifier's own queue.
    public convenience init(
        environment: Environment = .process,
        statusInterval: Duration = .seconds(1),
        onFailure: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.init(
            environment: environment,
            statusInterval: statusInterval,
            send: { text, descriptors in
                unsafe sd_pid_notify_with_fds(0, 0, text, descriptors, UInt32(clamping: descriptors.count))
            },
            onFailure: onFailure
        )
    }

    /// - Parameter send: Sends one datagram with descriptors and answers as sd_notify(3) does: negative means a negative errno. It may block.
    init(
        environment: Environment,
        statusInterval: Duration = .seconds(1),
        send: @escaping @Sendable (String, [Int32]) -> Int32,
        onFailure: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        switch NotifyAddress(environment["NOTIFY_SOCKET"]) {
        case .absent:
            (isActive, warning) = (false, nil)
        case .valid:
            (isActive, warning) = (true, nil)
        case .invalid(let warning):
            (isActive, self.warning) = (false, warning)
        }
        let hasReportedFailure = Atomic(false)
        outbox = SerialOutbox(
            label: "systemd.notifier",
            state: State(throttle: StatusThrottle(interval: statusInterval)),
            next: { $0.backlog.removeFirst() },
            send: { notification in
                let answer = send(notification.text, notification.descriptor.map { [$0.number] } ?? [])
                let wasReported = hasReportedFailure.exchange(answer < 0, ordering: .relaxed)
                if answer < 0, !wasReported { onFailure(Self.failure(answer, of: notification)) }
            }
        )
    }

    /// READY=1: the service is up, or its reload is over. Call it only when every listener listens. After ``stopping(status:)`` it
    /// does nothing.
    ///
    /// - Parameter status: The line that `systemctl status` shows. Here as everywhere, control characters in it are
    ///   escaped, so that it cannot carry a second assignment, and after 2,048 bytes it is cut.
    public func ready(status: String? = nil) {
        post(.ready(status: status), status: status)
    }

    /// STOPPING=1: the service is going down.
    public func stopping(status: String? = nil) {
        post(.stopping(status: status), status: status, isLast: true)
    }

    /// STATUS=: the line that `systemctl status` shows. Call it as often as you like: a status is sent only if it differs from the
    /// shown one, at most once per status interval, and only the newest.
    public func status(_ status: String) {
        guard isActive else { return }
        act { $0.throttle.offer(status, at: .now) }
    }

    /// EXTEND_TIMEOUT_USEC=: the start or stop that is under way needs this much more time, counted from now. systemd
    /// fails the unit when neither the end nor a further extension comes within it.
    public func extendTimeout(by duration: Duration) {
        post(.extendTimeout(microseconds: duration.wholeMicroseconds))
    }

    /// WATCHDOG=1: the service still serves. ``Watchdog`` calls this after each successful probe.
    public func pingWatchdog() {
        post(.watchdog)
    }

    /// RELOADING=1, with the MONOTONIC_USEC that Type=notify-reload asks for in the same datagram. READY=1 follows when the
    /// returned reload is finished or released, so systemd never waits forever.
    ///
    /// Prefer ``reloading(status:_:)`` if the reload is one function.
    public func beginReload(status: String? = nil) -> Reload {
        post(.reloading(monotonicMicroseconds: Self.monotonicMicroseconds(), status: status), status: status)
        return Reload(notifier: self)
    }

    /// Waits until all notifications so far are sent, including a delayed status.
    ///
    /// Call it before the process exits, and not on a queue that serves clients.
    ///
    /// - Returns: False when the deadline came first.
    @discardableResult
    public func flush(deadline: DispatchTime) -> Bool {
        guard isActive else { return true }
        act { state in
            state.throttle.takeWaiting().map { .send($0) } ?? .nothing
        }
        return outbox.flush(deadline: deadline)
    }

    /// Calls `body` on the notifier's queue after all notifications so far are sent. It may block.
    func afterSending(_ body: @escaping @Sendable () -> Void) { outbox.afterSending(body) }

    // MARK: - Sending

    func post(_ notification: Notification, status: String? = nil, isLast: Bool = false) {
        guard isActive else { return }
        outbox.update { state in
            if notification.kind == .lifecycle {
                guard !state.isStopping else { return false }
                state.isStopping = isLast
            }
            if let status { state.throttle.wasShown(status, at: .now) }
            state.backlog.append(notification)
            return true
        }
    }

    private func act(on decide: (inout State) -> StatusThrottle.Decision) {
        var due: StatusThrottle.Instant?
        outbox.update { state in
            switch decide(&state) {
            case .send(let status):
                state.backlog.append(.status(status))
                return true
            case .wait(let time): due = time
            case .nothing: break
            }
            return false
        }
        if let due {
            let remaining = StatusThrottle.Instant.now.duration(to: due)
            let delay = DispatchTimeInterval.microseconds(Int(clamping: remaining.wholeMicroseconds + 1))
            outbox.run(at: .now() + delay) {
                self.act { $0.throttle.timerFired(at: .now) }
            }
        }
    }

    private static func failure(_ answer: Int32, of notification: Notification) -> String {
        let name = notification.text.prefix { $0 != "=" }
        let reason = unsafe String(cString: strerror(answer == .min ? .max : -answer))
        return
            "cannot tell the service manager \(name)=: \(reason); is the socket that NOTIFY_SOCKET names still there?"
    }

    private static func monotonicMicroseconds() -> UInt64 {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(clamping: now.tv_sec) * 1_000_000 + UInt64(clamping: now.tv_nsec / 1_000)
    }
}

extension Duration {
    /// Whole microseconds, 0 for a negative duration; a duration that is too long becomes the maximum.
    var wholeMicroseconds: UInt64 {
        let (seconds, attoseconds) = components
        let (micros, overflow) = UInt64(clamping: seconds).multipliedReportingOverflow(by: 1_000_000)
        guard !overflow else { return .max }
        let (sum, carry) = micros.addingReportingOverflow(UInt64(clamping: attoseconds / 1_000_000_000_000))
        return carry ? .max : sum
    }
}
