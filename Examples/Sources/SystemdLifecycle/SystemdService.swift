import NIOCore
import ServiceLifecycle
import Systemd
import UnixSignals

/// Reports the state of a service group to systemd: READY=1 when every server of the group listens, STOPPING=1 when the group
/// stops, and between them WATCHDOG=1 while the event loops respond and RELOADING=1 around each reload.
///
/// It must be the last service of its group: a group stops its services one after the other, the last one first.
public struct SystemdService: Service {
    /// Reads the settings again and returns the status line to show afterwards.
    public typealias Reload = @Sendable () async throws -> String

    private let notifier: Notifier
    private let readiness: Readiness
    private let watchdog: Watchdog?
    private let status: String
    private let reload: Reload

    /// - Parameters:
    ///   - notifier: Sends the messages to the service manager.
    ///   - readiness: Reports when the servers of the group listen.
    ///   - eventLoops: Serve the clients. A watchdog ping is sent only after each of them has responded.
    ///   - status: The line that `systemctl status` shows after READY=1.
    ///   - reload: Called for each SIGHUP. If it throws, the status line says why, and the group continues.
    public init(
        notifier: Notifier,
        readiness: Readiness,
        eventLoops: any EventLoopGroup,
        status: String,
        reload: @escaping Reload
    ) {
        self.notifier = notifier
        self.readiness = readiness
        self.status = status
        self.reload = reload
        watchdog = WatchdogRequest().period.map { period in
            Watchdog(period: period, probe: eventLoops.probe, notifier: notifier)
        }
    }

    /// Returns when the group stops.
    public func run() async throws {
        defer {
            watchdog?.stop()
            notifier.stopping()
        }
        // Before READY=1, because a SIGHUP may follow at once.
        let hangups = await UnixSignalsSequence(trapping: .sighup)
        guard await readiness.wait() else { return }
        notifier.ready(status: status)
        watchdog?.start()
        for await _ in hangups.cancelOnGracefulShutdown() {
            let reloading = notifier.beginReload()
            do {
                reloading.finish(status: try await reload())
            } catch {
                reloading.finish(status: "Reload failed: \(error)")
            }
        }
    }
}

extension EventLoopGroup {
    /// Sends a probe through each event loop and then through Swift's thread pool, where tasks run.
    ///
    /// - Parameter passed: Called when the probe has passed through all of them.
    @Sendable func probe(passed: @escaping @Sendable () -> Void) {
        let turns = makeIterator().map { $0.submit {} }
        EventLoopFuture.andAllComplete(turns, on: next()).whenComplete { _ in
            Task { passed() }
        }
    }
}
