/// Sizes as text: a whole number followed by a unit, without a space, as in `512B`, `64KiB`, `1MiB`, `1GiB`. The units are
/// powers of 1,024 only (IEC 80000-13), so no size is ambiguous.
public enum ByteCountText {
    /// The units from the largest to the smallest, with their sizes in bytes.
    static let units: [(name: String, bytes: Int64)] = [
        ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
    ]

    /// Parses a size into bytes; nil if the text has another form or the number does not fit an `Int64`.
    public static func parse(_ text: String) -> Int64? {
        guard let quantity = Quantity(text) else { return nil }
        guard let unit = units.first(where: { $0.name == quantity.unit }) else { return nil }
        let (bytes, overflow) = quantity.number.multipliedReportingOverflow(by: unit.bytes)
        return overflow ? nil : bytes
    }

    /// `bytes` as a whole number of the largest possible unit.
    public static func format(_ bytes: Int64) -> String {
        let unit = units.first { bytes != 0 && bytes.isMultiple(of: $0.bytes) } ?? ("B", 1)
        return "\(bytes / unit.bytes)\(unit.name)"
    }

    /// `bytes` rounded for people: `512 B`, `1.5 MiB`.
    public static func approximate(_ bytes: UInt64) -> String {
        var value = Double(bytes)
        var unit = "B"
        for larger in ["KiB", "MiB", "GiB", "TiB"] where value >= 1024 {
            value /= 1024
            unit = larger
        }
        return unit == "B" ? "\(bytes) B" : "\((value * 10).rounded(.down) / 10) \(unit)"
    }

    /// A correction of a misspelled size, such as `10MiB` for `10 mb`; nil if there is none.
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
