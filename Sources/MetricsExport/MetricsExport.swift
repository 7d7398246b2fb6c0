// MetricsExport: metrics as Prometheus reads them.
//
// PrometheusRegistry is a backend of swift-metrics: it keeps what it is given, and PrometheusText writes it down.
// HTTPSession is as much HTTP as a scraper and a health check need, as a session of the server library, so limits,
// timeouts, drain and reload are the server's. TextFile is the other way out, for node_exporter. ProcessFigures are the
// figures that every process has.
//
// What does not belong here: which metrics there are, settings, logs.
//
// What must stay true:
// - HTTPSession does no I/O and keeps no bytes; however a stream is cut, the answers are the same. It reads a request once.
// - A request with a body, or that two programs could read differently, is refused and ends its connection.
// - Everything in the text is escaped, whatever a label holds.
