/// A whole number followed by a unit, as in `10min` and `64KiB`.
struct Quantity {
    var number: Int64
    /// Everything after the digits; may be empty.
    var unit: String

    /// Splits `text` into digits and the rest; no sign, no spaces.
    init?(_ text: String) {
        let digits = text.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard let digitText = String(digits), let number = Int64(digitText) else { return nil }
        self.number = number
        unit = String(text.unicodeScalars.dropFirst(digits.count))
    }

    /// Splits `text` after removing spaces and tabs, to guess what was meant.
    init?(lenient text: String) {
        self.init(String(text.filter { $0 != " " && $0 != "\t" }))
    }
}
