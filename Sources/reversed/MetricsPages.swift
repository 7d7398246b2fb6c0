import DispatchServer
import MetricsExport
import ReverseCore
import Synchronization
import Systemd

/// What the metrics are: the tables of them, and the text of all.
final class MetricsPages: Sendable {
    /// What the daemon counts itself.
    struct Figures {
        var reloads: UInt64 = 0
        var failedReloads: UInt64 = 0
        /// Connections of the process before this one that continue here, and those that could not.
        var takenOver: UInt64 = 0
        var notTakenOver: UInt64 = 0
        var fileFailures: UInt64 = 0
        var isFileFailing = false
        var droppedRecords: UInt64 = 0
        /// Why the daemon does not serve; nil while it does.
        var trouble: String? = "starting"
    }

    static let server: [Metric<Statistics>] = {
        var terms = MetricsTerms()
        terms.prefix = "reversed"
        terms.requests = "lines"
        terms.request = "line"
        terms.kind = "path"
        return terms.metrics
    }()

    static let daemon: [Metric<Figures>] = [
        Metric(.gauge, "reversed_build_info", "1; the labels have the versions of the daemon and of Unicode.")
        { _ in
            [.init(.level(1), labels: [("version", version), ("unicode", GraphemeCluster.unicodeVersion)])]
        },
        Metric(
            .gauge,
            "reversed_serving",
            "1 while clients are served, 0 before that and while the daemon stops."
        ) {
            .level($0.trouble == nil ? 1 : 0)
        },
        Metric(.counter, "reversed_reloads_total", "Reloads of the settings, by result: ok or failed.") {
            [
                .init(.count($0.reloads), labels: [("result", "ok")]),
                .init(.count($0.failedReloads), labels: [("result", "failed")]),
            ]
        },
        Metric(
            .counter,
            "reversed_handed_over_connections_total",
            "Connections of the process before this one, by result: taken (they continue) or ended."
        ) {
            [
                .init(.count($0.takenOver), labels: [("result", "taken")]),
                .init(.count($0.notTakenOver), labels: [("result", "ended")]),
            ]
        },
        Metric(
            .counter,
            "reversed_log_dropped_records_total",
            "Log records that were dropped because the reader of the log was too slow."
        ) { .count($0.droppedRecords) },
        Metric(
            .counter,
            "reversed_metrics_file_failures_total",
            "How often the file for node_exporter could not be written."
        ) { .count($0.fileFailures) },
    ]

    let figures = Mutex(Figures())
    /// Brings the server's figures up to date.
    let refresh = Mutex<@Sendable () -> Void>({})
    let publisher: MetricsPublisher<Statistics>

    private let log: SystemLog
    private let registry: PrometheusRegistry
    private let daemonPublisher: MetricsPublisher<Figures>
    private let process = ProcessPage(prefix: "process")
    private let processInFile = ProcessPage(prefix: "reversed_process")

    init(log: SystemLog) {
        self.log = log
        registry = PrometheusRegistry(
            describing: Self.server.map(\.description) + Self.daemon.map(\.description)
        )
        publisher = MetricsPublisher(Self.server, factory: registry)
        daemonPublisher = MetricsPublisher(Self.daemon, factory: registry)
    }

    /// Everything, as it is now.
    ///
    /// - Parameter isFile: Whether it is for a file that node_exporter reads: the metrics of its own process begin with
    ///   `process_`, and it would refuse others of these names.
    func text(isFile: Bool = false) -> String {
        refresh.withLock { $0 }()
        daemonPublisher.publish(
            figures.withLock { figures in
                figures.droppedRecords = log.droppedRecords
                return figures
            }
        )
        return registry.text() + (isFile ? processInFile : process).text()
    }
}

/// The figures of the process under one prefix.
private struct ProcessPage: Sendable {
    private let registry: PrometheusRegistry
    private let publisher: MetricsPublisher<ProcessFigures>

    init(prefix: String) {
        let metrics = ProcessFigures.metrics(prefix: prefix)
        registry = PrometheusRegistry(describing: metrics.map(\.description))
        publisher = MetricsPublisher(metrics, factory: registry)
    }

    func text() -> String {
        publisher.publish(ProcessFigures())
        return registry.text()
    }
}
