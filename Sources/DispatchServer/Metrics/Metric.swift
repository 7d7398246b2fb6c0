/// A metric: its name, its meaning, and how to read its values from a `Source`.
///
/// A program describes its metrics in a table of these. A ``MetricsPublisher`` publishes the table, and documentation can list
/// it.
public struct Metric<Source>: Sendable {
    /// The value of one series.
    public struct Sample: Equatable, Sendable {
        /// The names and values of the labels that identify the series.
        public var labels: [(String, String)]
        /// The current value.
        public var value: MetricValue

        /// Makes a sample.
        public init(_ value: MetricValue, labels: [(String, String)] = []) {
            self.labels = labels
            self.value = value
        }

        /// Compares labels in their order.
        public static func == (one: Sample, other: Sample) -> Bool {
            one.value == other.value && one.labels.elementsEqual(other.labels, by: ==)
        }
    }

    /// Its name, kind and meaning.
    public let description: MetricDescription
    /// Reads all series.
    public let read: @Sendable (Source) -> [Sample]

    /// A metric with any number of series.
    public init(
        _ kind: MetricDescription.Kind,
        _ name: String,
        _ meaning: String,
        read: @escaping @Sendable (Source) -> [Sample]
    ) {
        description = MetricDescription(name: name, kind: kind, meaning: meaning)
        self.read = read
    }

    /// A metric of one series without labels.
    public init(
        _ kind: MetricDescription.Kind,
        _ name: String,
        _ meaning: String,
        value: @escaping @Sendable (Source) -> MetricValue
    ) {
        self.init(kind, name, meaning) { source in [Sample(value(source))] }
    }
}

/// The value of a series.
public enum MetricValue: Equatable, Sendable {
    /// A number that only grows.
    case count(UInt64)
    /// A time that only grows, in seconds.
    case seconds(Double)
    /// A number that rises and falls.
    case level(Double)
    /// Classes of values, each a whole number of `unit`s.
    case histogram(Histogram, unit: Double)
}

/// The name, kind and meaning of a metric.
public struct MetricDescription: Equatable, Sendable {
    /// The kinds, as Prometheus names them.
    public enum Kind: String, Sendable {
        /// It only grows.
        case counter
        /// It rises and falls.
        case gauge
        /// Classes of values; its series are counters whose names end in `_bucket`, `_sum` and `_count`.
        case histogram
    }

    /// Its name: lower case letters and `_`, with the unit, and `_total` for a counter.
    public let name: String
    /// Its kind.
    public let kind: Kind
    /// Its meaning, in one line.
    public let meaning: String
}
