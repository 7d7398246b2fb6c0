import CoreMetrics
import Synchronization

/// Publishes the values of a table of metrics to a backend of swift-metrics.
///
/// Nothing is counted here. The hot path counts in memory of each thread, which ``publish(_:)`` reads: at each scrape, or at
/// intervals for a backend that pushes.
///
/// swift-metrics has no call for a ready histogram. So its classes become counters with the names that Prometheus uses:
/// `NAME_bucket` with the label `le`, `NAME_count`, and `NAME_sum`.
public final class MetricsPublisher<Source>: Sendable {
    private enum Instrument {
        case count(Counter, last: UInt64)
        case seconds(FloatingPointCounter, last: Double)
        case level(Gauge)
    }

    private let metrics: [Metric<Source>]
    private let factory: any MetricsFactory
    private let instruments = Mutex<[String: Instrument]>([:])

    /// Makes a publisher.
    ///
    /// - Parameters:
    ///   - metrics: What to publish.
    ///   - factory: The backend; by default the one that the process was bootstrapped with.
    public init(_ metrics: [Metric<Source>], factory: any MetricsFactory = MetricsSystem.factory) {
        self.metrics = metrics
        self.factory = factory
    }

    /// Sends the current values to the backend. May be called from any thread.
    public func publish(_ source: Source) {
        for metric in metrics {
            let name = metric.description.name
            for sample in metric.read(source) { publish(sample.value, name, sample.labels) }
        }
    }

    private func publish(_ value: MetricValue, _ name: String, _ labels: [(String, String)]) {
        guard case .histogram(let histogram, let unit) = value else { return update(name, labels, value) }
        var count: UInt64 = 0
        for (index, bucket) in histogram.counts.enumerated() {
            count &+= bucket
            let bound =
                index < histogram.bounds.count ? Self.text(Double(histogram.bounds[index]) * unit) : "+Inf"
            update(name + "_bucket", labels + [("le", bound)], .count(count))
        }
        update(name + "_count", labels, .count(count))
        update(
            name + "_sum",
            labels,
            unit == 1 ? .count(histogram.sum) : .seconds(Double(histogram.sum) * unit)
        )
    }

    private func update(_ name: String, _ labels: [(String, String)], _ value: MetricValue) {
        let key = labels.reduce(into: name) { $0 += "\0\($1.0)\0\($1.1)" }
        instruments.withLock { instruments in
            switch (value, instruments[key]) {
            case (.count(let now), let instrument):
                let (counter, last) =
                    if case .count(let counter, let last) = instrument { (counter, last) } else {
                        (Counter(label: name, dimensions: labels, factory: factory), UInt64(0))
                    }
                // Two threads may publish at once, the later one an older value: a counter must not decrease.
                if now > last { counter.increment(by: Int64(clamping: now - last)) }
                instruments[key] = .count(counter, last: max(now, last))
            case (.seconds(let now), let instrument):
                let (counter, last) =
                    if case .seconds(let counter, let last) = instrument { (counter, last) } else {
                        (FloatingPointCounter(label: name, dimensions: labels, factory: factory), 0.0)
                    }
                if now > last { counter.increment(by: now - last) }
                instruments[key] = .seconds(counter, last: max(now, last))
            case (.level(let now), let instrument):
                let gauge =
                    if case .level(let gauge) = instrument { gauge } else {
                        Gauge(label: name, dimensions: labels, factory: factory)
                    }
                gauge.record(now)
                instruments[key] = .level(gauge)
            case (.histogram, _):
                break
            }
        }
    }

    /// A bound in the notation of Prometheus, without ".0".
    private static func text(_ bound: Double) -> String {
        if let whole = Int64(exactly: bound) { return String(whole) }
        // Rounded, because 5000 * 1e-9 is 5.000000000000001e-06.
        let rounded = (bound * 1e9).rounded() / 1e9
        return "\(rounded)"
    }
}
