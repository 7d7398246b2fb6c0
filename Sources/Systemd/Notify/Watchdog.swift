import Dispatch
import Synchronization

/// Pings systemd's watchdog, each time with proof that clients are still served, see sd_watchdog_enabled(3).
///
/// Twice per period it sends a probe through everything that serves clients. WATCHDOG=1 is sent only after the probe has
/// responded. So a hung server stops the pings and is restarted. A busy server responds late, which is fine within the period.
public final class Watchdog: Sendable {
    /// Sends a probe through everything that serves clients, and calls the function once it has responded.
    public typealias Probe = @Sendable (@escaping @Sendable () -> Void) -> Void

    private let interval: DispatchTimeInterval
    private let sendProbe: Probe
    private let notifier: Notifier
    private let isProbing = Atomic(false)
    private let isStopped = Atomic(false)
    private let clock = DispatchQueue(label: "systemd.watchdog")

    /// Makes a watchdog that does nothing before ``start()``.
    ///
    /// - Parameters:
    ///   - period: The longest silence that systemd tolerates, ``WatchdogRequest/period``.
    ///   - probe: How a probe is sent.
    ///   - notifier: Says WATCHDOG=1.
    public init(period: Duration, probe: @escaping Probe, notifier: Notifier) {
        interval = Self.interval(for: period)
        sendProbe = probe
        self.notifier = notifier
    }

    /// Makes a watchdog for a daemon whose clients are served by one queue.
    ///
    /// - Parameters:
    ///   - period: The longest silence that systemd tolerates, ``WatchdogRequest/period``.
    ///   - queue: Serves the clients.
    ///   - notifier: Says WATCHDOG=1.
    public convenience init(period: Duration, through queue: DispatchQueue, notifier: Notifier) {
        self.init(period: period, probe: { body in queue.async { body() } }, notifier: notifier)
    }

    /// Sends the first probe at once and then one each half period, until ``stop()`` or the release of the watchdog. Call
    /// it once.
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

    /// Sends a probe, unless one is pending: probes must not pile up in a hung server.
    func probe() {
        guard !isProbing.exchange(true, ordering: .relaxed) else { return }
        sendProbe { [self] in
            isProbing.store(false, ordering: .relaxed)
            notifier.pingWatchdog()
        }
    }

    /// Half the period, as sd_watchdog_enabled(3) recommends. At least 1 ms, and within the range of DispatchTime.
    static func interval(for period: Duration) -> DispatchTimeInterval {
        .microseconds(Int(clamping: min(max(period.wholeMicroseconds / 2, 1_000), 86_400_000_000)))
    }
}
