/// Durations as text in a file or an option: a whole number followed by a unit, without a space, as in `250ms`, `10s`, `5min`,
/// `1h`; or `0`.
public enum DurationText {
    /// The units from the largest to the smallest, with their lengths in milliseconds.
    static let units: [(name: String, milliseconds: Int64)] = [
        ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// Parses a duration; nil if the text has another form or the milliseconds do not fit an `Int64`. Never negative.
    public static func parse(_ text: String) -> Duration? {
        guard let quantity = Quantity(text) else { return nil }
        if quantity.number == 0 && quantity.unit.isEmpty { return .zero }
        guard let unit = units.first(where: { $0.name == quantity.unit }) else { return nil }
        let (milliseconds, overflow) = quantity.number.multipliedReportingOverflow(by: unit.milliseconds)
        return overflow ? nil : .milliseconds(milliseconds)
    }

    /// `duration` as a whole number of the largest possible unit, truncated to milliseconds.
    public static func format(_ duration: Duration) -> String {
        let milliseconds = duration.wholeMilliseconds()
        // The milliseconds do not fit.
        guard milliseconds != .max else { return "\(duration.components.seconds)s" }
        guard milliseconds != 0 else { return "0" }
        let unit = units.first { milliseconds.isMultiple(of: $0.milliseconds) } ?? ("ms", 1)
        return "\(milliseconds / unit.milliseconds)\(unit.name)"
    }

    /// A correction of a misspelled duration, such as `5min` for `5 minutes`; nil if there is none.
    public static func correction(of text: String) -> String? {
        guard let quantity = Quantity(lenient: text) else { return nil }
        let unit: String
        switch quantity.unit.lowercased() {
        case "ms", "msec", "msecs", "millis", "millisecond", "milliseconds": unit = "ms"
        case "", "s", "sec", "secs", "second", "seconds": unit = "s"
        case "m", "min", "mins", "minute", "minutes": unit = "min"
        case "h", "hr", "hrs", "hour", "hours": unit = "h"
        default: return nil
        }
        return "\(quantity.number)\(unit)"
    }
}
