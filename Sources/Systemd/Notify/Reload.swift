import Synchronization

/// A reload that the service manager was told of. It ends with exactly one READY=1: with the first ``finish(status:)``,
/// or when the last reference to it goes away, whatever happened in between.
public final class Reload: Sendable {
    private let notifier: Notifier
    private let isFinished = Atomic(false)

    init(notifier: Notifier) {
        self.notifier = notifier
    }

    /// READY=1 with what came of it; further calls do nothing.
    public func finish(status: String? = nil) {
        guard !isFinished.exchange(true, ordering: .relaxed) else { return }
        notifier.ready(status: status)
    }

    deinit {
        finish(status: "Reload was given up")
    }
}

extension Notifier {
    /// Tells the service manager of a reload around `body`: RELOADING=1 before it, READY=1 after it on every way out.
    ///
    /// - Parameters:
    ///   - status: the status line while it runs.
    ///   - body: does the reload and returns the status line to show afterwards. When it throws, the status line is
    ///     "Reload failed: " and the error, and the error goes on to the caller.
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
