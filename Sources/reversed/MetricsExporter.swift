import Dispatch
import DispatchServer
import Logging
import MetricsExport
import Settings
import Sockets
import Synchronization
import Systemd

/// Collects the metrics of the daemon, and exports them as the settings say: over HTTP and in a file.
///
/// The HTTP server is a second `Server` with its own, low limits.
///
/// Unchecked because of the mutable state. Safe because only `queue` uses it, except for the first `apply`, which runs before
/// anything is on `queue`.
final class MetricsExporter: @unchecked Sendable {
    private typealias HTTPServer = Server<HTTPSession>

    /// A scraper has one connection, a health check another; more are not needed.
    private static let maximumConnections = 8

    /// Publishes the metrics of the main server.
    let publisher: MetricsPublisher<Statistics>

    private let queue: DispatchQueue
    /// Writes the file, because a disk may be slow.
    private let files = DispatchQueue(label: "reversed.metrics")
    private let logger: Logger
    private let pages: MetricsPages
    private let site: HTTPSite
    private let listenerStore: ListenerStore
    /// Listeners of the previous process, until the server is started with them.
    private var stored: [StoredListener] = []
    private var settings = MetricsSettings()
    private var server: HTTPServer?
    private var timer: (any DispatchSourceTimer)?
    private var whenStopped: (@Sendable () -> Void)?

    /// - Parameters:
    ///   - queue: The queue that uses it. Completions are called there.
    ///   - listenerStore: Keeps the listeners of the HTTP server for the next process.
    init(queue: DispatchQueue, log: SystemLog, logger: Logger, listenerStore: ListenerStore) {
        self.queue = queue
        self.logger = logger
        self.listenerStore = listenerStore
        let pages = MetricsPages(log: log)
        self.pages = pages
        site = HTTPSite(metrics: { pages.text() }, trouble: { pages.figures.withLock { $0.trouble } })
        publisher = pages.publisher
    }

    /// The reason why `/healthz` returns 503; nil for 200.
    var trouble: String? {
        get { pages.figures.withLock { $0.trouble } }
        set { pages.figures.withLock { $0.trouble = newValue } }
    }

    /// How many descriptors these settings need.
    static func descriptors(_ settings: MetricsSettings) -> Int {
        // Two listeners for a name, their replacements in a reload, an event loop, and the file.
        settings.endpoint == nil ? 0 : maximumConnections + 8
    }

    /// Sets the main server: its metrics are updated before each read.
    func observe<S>(_ server: Server<S>) {
        pages.refresh.withLock { $0 = { [weak server] in server?.publishMetrics() } }
    }

    func countReload(isGood: Bool) {
        pages.figures.withLock { figures in
            if isGood { figures.reloads += 1 } else { figures.failedReloads += 1 }
        }
    }

    func count(_ report: TakeOverReport) {
        pages.figures.withLock { figures in
            figures.takenOver &+= UInt64(clamping: report.taken)
            figures.notTakenOver &+= UInt64(clamping: report.ended)
        }
    }

    // MARK: - Settings

    /// Sets the listeners that the previous process has stored. Call it before the first `apply`.
    func adopt(_ stored: [StoredListener]) { self.stored = stored }

    /// Applies settings: writes the file and starts the HTTP server, or changes nothing.
    ///
    /// - Parameters:
    ///   - isHandedOver: Whether the listeners are stored for the next process.
    ///   - completion: Called on `queue` with nil or a `MetricsError`.
    func apply(
        _ new: MetricsSettings,
        isHandedOver: Bool,
        _ completion: @escaping @Sendable (MetricsError?) -> Void
    ) {
        write(new.file) { [self] error in
            if let error { return completion(MetricsError(key: "file", value: new.file ?? "", [error])) }
            serve(new, isHandedOver) { [self] error in
                if let error {
                    if new.file != settings.file { removeFile(new.file) }
                    return completion(error)
                }
                if new.file != settings.file { removeFile(settings.file) }
                settings = new
                startTimer()
                completion(nil)
            }
        }
    }

    /// Stops the HTTP server, and removes the file.
    func stop(_ completion: @escaping @Sendable () -> Void) {
        timer?.cancel()
        timer = nil
        whenStopped = completion
        let end = DispatchGroup()
        if let server {
            end.enter()
            server.drain { _ in end.leave() }
        }
        if let path = settings.file {
            end.enter()
            files.async {
                TextFile(path: path).remove()
                end.leave()
            }
        }
        end.notify(queue: queue) { [self] in finishStop() }
        // A disk that does not respond must not delay the stop.
        queue.asyncAfter(deadline: .now() + 3) { [self] in finishStop() }
    }

    /// Removes the file: it would be wrong after the end of the process.
    func discardFile() {
        if let path = settings.file { TextFile(path: path).remove() }
    }

    private func finishStop() {
        let completion = whenStopped
        whenStopped = nil
        completion?()
    }

    // MARK: - HTTP

    private func serve(
        _ new: MetricsSettings,
        _ isHandedOver: Bool,
        _ completion: @escaping @Sendable (MetricsError?) -> Void
    ) {
        let stored = stored
        self.stored = []
        guard let endpoint = new.endpoint else {
            for listener in stored {
                listener.discard()
                listenerStore.remove(listener.name)
            }
            server?.drain { _ in }
            server = nil
            return completion(nil)
        }
        let configuration = configuration(endpoint, mode: new.mode, isHandedOver)
        let value = "\(endpoint)"
        let completion: HTTPServer.Completion = { [self] error in
            queue.async { [self] in
                if let error {
                    if settings.endpoint == nil { server = nil }
                    let reasons = (error as? ListenError)?.reasons ?? ["\(error)"]
                    return completion(MetricsError(key: "listen", value: value, reasons))
                }
                if let server, settings.endpoint != endpoint {
                    logger.notice("metrics at \(server.addresses.joined(separator: ", "))")
                }
                completion(nil)
            }
        }
        if let server { return server.reload(configuration, completion) }
        do {
            var terms = LogTerms()
            terms.request = "HTTP request"
            let server = try HTTPServer(
                configuration,
                label: "reversed.http",
                logger: logger,
                logTerms: terms,
                listenerStore: listenerStore,
                usesHotLoops: false,
                onLoss: { [logger] in logger.error("the metrics are no longer available over HTTP") }
            )
            self.server = server
            server.start(continuing: stored, completion)
        } catch {
            completion(error)
        }
    }

    private func configuration(
        _ endpoint: Endpoint,
        mode: UInt32,
        _ isHandedOver: Bool
    ) -> HTTPServer.Configuration {
        var configuration = HTTPServer.Configuration(
            listeners: [ListenerConfiguration(endpoint: endpoint, mode: mode, options: site)],
            options: site,
            sessionLimits: NoOptions()
        )
        configuration.limits.maximumConnections = Self.maximumConnections
        // All clients may have the address of one proxy.
        configuration.limits.maximumConnectionsPerClient = .chosen(nil)
        configuration.limits.maximumBufferedBytes = .chosen(16 << 20)
        configuration.limits.firstRequestTimeout = .seconds(10)
        // Prometheus keeps its connection between scrapes, which may be a minute or two apart.
        configuration.limits.idleTimeout = .seconds(150)
        configuration.limits.drainTimeout = .seconds(1)
        configuration.logsConnections = false
        configuration.isHandedOver = isHandedOver
        return configuration
    }

    // MARK: - The file

    private func startTimer() {
        timer?.cancel()
        timer = nil
        guard let path = settings.file else { return }
        let timer = DispatchSource.makeTimerSource(queue: queue)
        let interval = settings.interval.components
        let milliseconds = Int(clamping: interval.seconds) * 1000
        timer.schedule(deadline: .now() + .milliseconds(milliseconds), repeating: .milliseconds(milliseconds))
        timer.setEventHandler { [unowned self] in
            write(path) { [self] error in fileWritten(path, error) }
        }
        timer.activate()
        self.timer = timer
    }

    /// Logs a failure once, and when writing works again.
    private func fileWritten(_ path: String, _ error: String?) {
        let isNew = pages.figures.withLock { figures in
            defer { figures.isFileFailing = error != nil }
            if error != nil { figures.fileFailures += 1 }
            return figures.isFileFailing != (error != nil)
        }
        guard isNew else { return }
        if let error {
            logger.error("metrics.file = \(path): \(error); trying again")
        } else {
            logger.notice("metrics.file = \(path): written again")
        }
    }

    private func write(_ path: String?, _ completion: @escaping @Sendable (String?) -> Void) {
        guard let path else { return completion(nil) }
        files.async { [pages, queue] in
            var failure: String?
            do throws(SystemError) { try TextFile(path: path).write(pages.text(isFile: true)) } catch {
                failure =
                    "\(error); choose a directory that the daemon may write to, by default /run/reversed"
            }
            queue.async { [failure] in completion(failure) }
        }
    }

    private func removeFile(_ path: String?) {
        guard let path else { return }
        files.async { TextFile(path: path).remove() }
    }
}

/// The metrics cannot be exported as the settings say. The attempt has changed nothing.
struct MetricsError: Error, Sendable {
    /// The reasons, each with the key and its value.
    let reasons: [String]

    init(key: String, value: String, _ reasons: [String]) {
        self.reasons = reasons.map { "metrics.\(key) = \(value): \($0)" }
    }
}
