import CoreMetrics
import DispatchServer
import Synchronization

/// A backend of swift-metrics that keeps the last value of each series, for ``text()``.
public final class PrometheusRegistry: MetricsFactory {
    /// The series of one name.
    private struct Family {
        var kind: PrometheusText.Kind
        var series: [Series] = []
    }

    private let families = Mutex<[String: Family]>([:])
    private let descriptions: [MetricDescription]

    /// Makes an empty registry.
    ///
    /// - Parameter descriptions: The descriptions of known metrics, in the order of the text. Others follow them, without a
    ///   meaning.
    public init(describing descriptions: [MetricDescription]) {
        self.descriptions = descriptions
    }

    /// All metrics in Prometheus' text format, version 0.0.4.
    public func text() -> String {
        let families = families.withLock { $0 }
        var left = Set(families.keys)
        var text = PrometheusText()
        for description in descriptions {
            let names = description.sampleNames
            left.subtract(names)
            let series = names.flatMap { name in families[name]?.series.map { (name, $0) } ?? [] }
            guard !series.isEmpty else { continue }
            text.begin(
                description.name,
                kind: PrometheusText.Kind(description.kind),
                meaning: description.meaning
            )
            for (name, series) in series { text.add(name, series.labels, series.value) }
        }
        for name in left.sorted() {
            guard let family = families[name] else { continue }
            text.begin(name, kind: family.kind, meaning: nil)
            for series in family.series {
                if family.kind == .summary {
                    text.add(name + "_sum", series.labels, series.value)
                    text.add(name + "_count", series.labels, Double(series.count))
                } else {
                    text.add(name, series.labels, series.value)
                }
            }
        }
        return text.content
    }

    private func series(_ name: String, _ labels: [(String, String)], _ kind: PrometheusText.Kind) -> Series {
        families.withLock { families in
            if let known = families[name]?.series.first(where: { $0.labels.elementsEqual(labels, by: ==) }) {
                return known
            }
            let new = Series(labels)
            families[name, default: Family(kind: kind)].series.append(new)
            return new
        }
    }

    private func remove(_ handler: AnyObject) {
        families.withLock { families in
            for name in families.keys { families[name]?.series.removeAll { $0 === handler } }
        }
    }

    // MARK: - MetricsFactory

    /// A counter.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions, .counter)
    }

    /// A floating-point counter.
    public func makeFloatingPointCounter(label: String, dimensions: [(String, String)])
        -> any FloatingPointCounterHandler
    {
        series(label, dimensions, .counter)
    }

    /// A gauge, or the sum and number of the recorded values.
    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool)
        -> any RecorderHandler
    {
        aggregate ? Summary(series(label, dimensions, .summary)) : series(label, dimensions, .gauge)
    }

    /// A gauge.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, dimensions, .gauge)
    }

    /// The sum, in seconds, and the number of the recorded times.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        Summary(series(label, dimensions, .summary))
    }

    /// Forgets a series.
    public func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    /// Forgets a series.
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
    /// Forgets a series.
    public func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    /// Forgets a series.
    public func destroyRecorder(_ handler: any RecorderHandler) {
        remove((handler as? Summary)?.series ?? handler)
    }
    /// Forgets a series.
    public func destroyTimer(_ handler: any TimerHandler) { remove((handler as? Summary)?.series ?? handler) }
}

/// One series: its labels and its value.
private final class Series: CounterHandler, FloatingPointCounterHandler, RecorderHandler, MeterHandler {
    let labels: [(String, String)]
    private let state = Mutex<(value: Double, count: UInt64)>((0, 0))

    init(_ labels: [(String, String)]) { self.labels = labels }

    var value: Double { state.withLock { $0.value } }
    var count: UInt64 { state.withLock { $0.count } }

    func increment(by amount: Int64) { increment(by: Double(amount)) }
    func increment(by amount: Double) {
        state.withLock {
            $0.value += amount
            $0.count += 1
        }
    }
    func decrement(by amount: Double) { state.withLock { $0.value -= amount } }
    func reset() { state.withLock { $0 = (0, 0) } }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { state.withLock { $0.value = value } }
}

/// Sums the recorded values.
private final class Summary: RecorderHandler, TimerHandler {
    let series: Series

    init(_ series: Series) { self.series = series }

    func record(_ value: Int64) { series.increment(by: Double(value)) }
    func record(_ value: Double) { series.increment(by: value) }
    func recordNanoseconds(_ duration: Int64) { series.increment(by: Double(duration) / 1e9) }
}

extension MetricDescription {
    /// The names of its series.
    fileprivate var sampleNames: [String] {
        kind == .histogram ? ["_bucket", "_sum", "_count"].map { name + $0 } : [name]
    }
}
