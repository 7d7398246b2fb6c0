import Synchronization

/// A reload that was announced to the service manager. It ends with exactly one READY=1: at the first ``finish(status:)``, or when
/// the last reference is released.
public final class Reload: Sendable {
    private let notifier: Notifier
    private let isFinished = Atomic(false)

    init(notifier: Notifier) {
        self.notifier = notifier
    }

    /// Sends READY=1 with the outcome as the status. Further calls do nothing.
    public func finish(status: String? = nil) {
        guard !isFinished.exchange(true, ordering: .relaxed) else { return }
        notifier.ready(status: status)
    }

    deinit {
        finish(status: "Reload was given up")
    }
}

extension Notifier {
    /// Announces a reload to the service manager: sends RELOADING=1 before `body`, and READY=1 after it, even if it throws.
    ///
    /// - Parameters:
    ///   - status: The status line while it runs.
    ///   - body: Does the reload and returns the status line to show afterwards. When it throws, the status line is
    ///     "Reload failed: " and the error, and the error is rethrown.
    public func reloading<Failure: Error>(
        status: String? = "Reloading",
        _ body: () throws(Failure) -> String?
    ) throws(Failure) {
        let reload = beginReload(status: status)
        do {
            reload.finish(status: try body())
        } catch {
            reload.finish(status: "Reload failed: \(error)")
            throw error
        }
    }
}
