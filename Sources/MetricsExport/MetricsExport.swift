// MetricsExport: exports metrics to Prometheus.
//
// PrometheusRegistry is a backend of swift-metrics: it keeps the values, and PrometheusText writes them as text. HTTPSession
// implements the part of HTTP that scrapers and health checks need, as a session of the server library, which provides limits,
// timeouts, drain and reload. TextFile writes a file for node_exporter. ProcessFigures has the metrics of the process.
//
// Not in this module: the list of metrics, settings, logs.
//
// Invariants:
// - HTTPSession does no I/O and keeps no bytes. Its answers do not depend on how the stream is divided into calls. It scans a
//   request once.
// - A request with a body, or one that two programs could parse differently, is refused, and its connection ends.
// - All labels and texts are escaped.
