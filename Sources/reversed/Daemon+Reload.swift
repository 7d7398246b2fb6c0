import Dispatch
import DispatchServer
import Logging
import Settings
import Systemd

// A reload of the settings (SIGHUP).

extension Daemon {
    /// Reads the file, and reloads the server. A request during a reload is handled after it.
    func reload() {
        guard let server, !isDraining else { return }
        guard isReady, reloading == nil else {
            mustReload = true
            return
        }
        mustReload = false
        reloading = notifier.beginReload()
        let new: Settings
        do { new = try source.load() } catch { return reloaded(nil, error) }
        let old = settings
        metrics.apply(new.metrics, isHandedOver: new.server.isHandedOver) { [self] error in
            if let error { return reloaded(nil, error) }
            server.reload(new.server) { [self] error in
                queue.async { [self] in
                    guard let error else { return reloaded(new, nil) }
                    // The reload failed: restore the export of the metrics.
                    metrics.apply(old.metrics, isHandedOver: old.server.isHandedOver) { [self] _ in
                        reloaded(nil, error)
                    }
                }
            }
        }
    }

    private func reloaded(_ new: Settings?, _ error: (any Error)?) {
        guard let server, !isDraining else { return }
        metrics.countReload(isGood: error == nil)
        if let error {
            let error = ReloadError(error)
            for reason in error.reasons {
                logger.error(
                    "reload failed, nothing has changed: \(reason)",
                    metadata: ["message-id": "\(MessageID.reloadFailed)"]
                )
            }
            statusLine.reloadEnded(failure: "\(error)")
        } else if let new {
            for change in new.changes(since: settings) { logger.notice("reload: \(change)") }
            settings = new
            log.level = new.logLevel
            let file = source.file ?? "the defaults (there is no \(Settings.defaultPath))"
            logger.notice(
                "reloaded \(file), listening on \(server.addresses.joined(separator: ", "))",
                metadata: ["message-id": "\(MessageID.reloaded)"]
            )
            statusLine.reloadEnded(failure: nil)
            warnOfHints()
        }
        reloading?.finish(status: statusLine.serving(server.addresses, server.statistics, at: .now))
        reloading = nil
        if mustReload { reload() }
    }
}

/// Why a reload changed nothing.
struct ReloadError: Error, CustomStringConvertible {
    let reasons: [String]

    init(_ error: any Error) {
        reasons =
            switch error {
            case let error as SettingsError: error.mistakes.map(\.description)
            case let error as ListenError: error.reasons
            case let error as MetricsError: error.reasons
            default: ["\(error)"]
            }
    }

    var description: String { reasons.joined(separator: "; ") }
}
