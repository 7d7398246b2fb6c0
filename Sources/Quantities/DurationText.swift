/// Durations as people write them in a file or a flag: a whole number and a unit without a space between them,
/// `250ms`, `10s`, `5min`, `1h`; or `0`. Nothing here knows of TOML.
public enum DurationText {
    /// The units from the largest to the smallest, each with its length in milliseconds.
    static let units: [(name: String, milliseconds: Int64)] = [
        ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// The duration that `text` names, or `nil` when it is not written as this type demands or is
    /// longer than an `Int64` of milliseconds can hold. Never negative.
    public static func parse(_ text: String) -> Duration? {
        guard let quantity = Quantity(text) else { return nil }
        if quantity.number == 0 && quantity.unit.isEmpty { return .zero }
        guard let unit = units.first(where: { $0.name == quantity.unit }) else { return nil }
        let (milliseconds, overflow) = quantity.number.multipliedReportingOverflow(by: unit.milliseconds)
        return overflow ? nil : .milliseconds(milliseconds)
    }

    /// `duration` in the largest unit that holds it in a whole number; parts of a millisecond are left out.
    public static func format(_ duration: Duration) -> String {
        let milliseconds = duration.wholeMilliseconds()
        // More than can be said in milliseconds.
        guard milliseconds != .max else { return "\(duration.components.seconds)s" }
        guard milliseconds != 0 else { return "0" }
        let unit = units.first { milliseconds.isMultiple(of: $0.milliseconds) } ?? ("ms", 1)
        return "\(milliseconds / unit.milliseconds)\(unit.name)"
    }

    /// The right way to write what `text` probably means, such as `5min` for `5 minutes`.
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
