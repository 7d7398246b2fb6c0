/// Sizes as people write them: a whole number and a unit without a space between them, `512B`, `64KiB`, `1MiB`,
/// `1GiB`. The units are powers of 1,024 and nothing else (IEC 80000-13), so that no size has two readings.
public enum ByteCountText {
    /// The units from the largest to the smallest, each with its length in bytes.
    static let units: [(name: String, bytes: Int64)] = [
        ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
    ]

    /// The number of bytes that `text` names, or `nil` when it is not written as this type demands or is
    /// more than an `Int64` can hold.
    public static func parse(_ text: String) -> Int64? {
        guard let quantity = Quantity(text) else { return nil }
        guard let unit = units.first(where: { $0.name == quantity.unit }) else { return nil }
        let (bytes, overflow) = quantity.number.multipliedReportingOverflow(by: unit.bytes)
        return overflow ? nil : bytes
    }

    /// `bytes` in the largest unit that holds it in a whole number.
    public static func format(_ bytes: Int64) -> String {
        let unit = units.first { bytes != 0 && bytes.isMultiple(of: $0.bytes) } ?? ("B", 1)
        return "\(bytes / unit.bytes)\(unit.name)"
    }

    /// `bytes` for a person who wants to know about how much it is: `512 B`, `1.5 MiB`.
    public static func approximate(_ bytes: UInt64) -> String {
        var value = Double(bytes)
        var unit = "B"
        for larger in ["KiB", "MiB", "GiB", "TiB"] where value >= 1024 {
            value /= 1024
            unit = larger
        }
        return unit == "B" ? "\(bytes) B" : "\((value * 10).rounded(.down) / 10) \(unit)"
    }

    /// The right way to write what `text` probably means, such as `10MiB` for `10 mb`.
    public static func correction(of text: String) -> String? {
        guard let quantity = Quantity(lenient: text) else { return nil }
        let unit: String
        switch quantity.unit.lowercased() {
        case "", "b", "byte", "bytes": unit = "B"
        case "k", "kb", "ki", "kib": unit = "KiB"
        case "m", "mb", "mi", "mib": unit = "MiB"
        case "g", "gb", "gi", "gib": unit = "GiB"
        default: return nil
        }
        return "\(quantity.number)\(unit)"
    }
}
