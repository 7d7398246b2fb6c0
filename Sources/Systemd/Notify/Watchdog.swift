import Dispatch
import Synchronization

/// Pings systemd's watchdog, each time with proof that clients are still served, see sd_watchdog_enabled(3).
///
/// Twice in a period a queue of its own puts a work item on the queue that serves the clients. Only when that
/// item has run does WATCHDOG=1 go out. A pool that is stuck therefore stops the pings and is restarted; one that is
/// merely busy answers late, which is early enough while it is within the period.
public final class Watchdog: Sendable {
    private let interval: DispatchTimeInterval
    private let served: DispatchQueue
    private let notifier: Notifier
    private let isProbing = Atomic(false)
    private let isStopped = Atomic(false)
    private let clock = DispatchQueue(label: "systemd.watchdog")

    /// - Parameters:
    ///   - period: the longest silence that systemd tolerates, ``WatchdogRequest/period``.
    ///   - queue: the queue that serves clients.
    ///   - notifier: says WATCHDOG=1.
    public init(period: Duration, through queue: DispatchQueue, notifier: Notifier) {
        interval = Self.interval(for: period)
        served = queue
        self.notifier = notifier
    }

    /// Sends the first probe at once and then one each half period, until ``stop()`` or the release of the watchdog. To be
    /// called once.
    public func start() {
        clock.async { [weak self] in self?.tick() }
    }

    /// Sends no further probes.
    public func stop() {
        isStopped.store(true, ordering: .relaxed)
    }

    private func tick() {
        guard !isStopped.load(ordering: .relaxed) else { return }
        probe()
        clock.asyncAfter(deadline: .now() + interval) { [weak self] in self?.tick() }
    }

    /// At most one probe is under way: a queue that is stuck for an hour is not found full of probes.
    func probe() {
        guard !isProbing.exchange(true, ordering: .relaxed) else { return }
        served.async { [self] in
            isProbing.store(false, ordering: .relaxed)
            notifier.pingWatchdog()
        }
    }

    /// Half the period, as sd_watchdog_enabled(3) recommends; not so short that the pings become the load, and within what
    /// DispatchTime can count.
    static func interval(for period: Duration) -> DispatchTimeInterval {
        .microseconds(Int(clamping: min(max(period.wholeMicroseconds / 2, 1_000), 86_400_000_000)))
    }
}
