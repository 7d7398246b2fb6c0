/// A metric: what it is called, what it means, and how its values are read from a `Source`.
///
/// A table of these is all that a program says about its metrics; a ``MetricsPublisher`` does the rest, and so does
/// whoever lists or explains them.
public struct Metric<Source>: Sendable {
    /// One of its series.
    public struct Sample: Equatable, Sendable {
        /// Names and values that tell the series from the others of the metric.
        public var labels: [(String, String)]
        /// What it is now.
        public var value: MetricValue

        /// A series and its value.
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
    /// Reads all its series.
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
    /// A number that goes up and down.
    case level(Double)
    /// Classes of values, each a whole number of `unit`s.
    case histogram(Histogram, unit: Double)
}

/// What a metric is called and means.
public struct MetricDescription: Equatable, Sendable {
    /// The kinds, as Prometheus names them.
    public enum Kind: String, Sendable {
        /// It only grows.
        case counter
        /// It goes up and down.
        case gauge
        /// Classes of values; its series are counters whose names end in `_bucket`, `_sum` and `_count`.
        case histogram
    }

    /// Its name: lower case letters and `_`, with the unit, and `_total` for a counter.
    public let name: String
    /// What kind it is.
    public let kind: Kind
    /// What it means, one line.
    public let meaning: String
}
