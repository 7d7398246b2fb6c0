import Glibc

/// The properties of a scalar that UAX #29 uses, from the files of Unicode.
package struct ScalarProperties: Hashable {
    /// Grapheme_Cluster_Break.
    package enum Break: String {
        case other = "Other"
        case carriageReturn = "CR"
        case lineFeed = "LF"
        case control = "Control"
        case extend = "Extend"
        case joiner = "ZWJ"
        case regionalIndicator = "Regional_Indicator"
        case prepend = "Prepend"
        case spacingMark = "SpacingMark"
        case hangulL = "L"
        case hangulV = "V"
        case hangulT = "T"
        case hangulLV = "LV"
        case hangulLVT = "LVT"
    }

    /// Indic_Conjunct_Break.
    package enum Conjunct: String {
        case none = "None"
        case consonant = "Consonant"
        case extend = "Extend"
        case linker = "Linker"
    }

    package var breaking = Break.other
    package var conjunct = Conjunct.none
    /// Extended_Pictographic.
    package var isPictographic = false

    package init(breaking: Break = .other) { self.breaking = breaking }
}

/// The files of the Unicode character database in `unicode`, or in the directory that `UNICODE_DATA` names.
package struct UnicodeData {
    /// Such as "17.0.0".
    package let version: String
    private var properties = [ScalarProperties](repeating: ScalarProperties(), count: 0x11_0000)

    /// The files in this repository.
    package static let committed = UnicodeData(directory: repositoryPath("unicode"))

    package subscript(scalar: Unicode.Scalar) -> ScalarProperties { properties[Int(scalar.value)] }

    package init(directory: String) {
        let breaks = contents(ofFile: directory + "/GraphemeBreakProperty.txt")
        let title = "# GraphemeBreakProperty-"
        let firstLine = breaks.prefix { !$0.isNewline }
        precondition(firstLine.hasPrefix(title), "\(directory)/GraphemeBreakProperty.txt names no version")
        version = String(firstLine.dropFirst(title.count).dropLast(".txt".count))
        for (scalars, fields) in Self.entries(of: breaks) {
            guard let value = ScalarProperties.Break(rawValue: fields[0]) else {
                preconditionFailure("Grapheme_Cluster_Break has a new value: \(fields[0])")
            }
            for scalar in scalars { properties[scalar].breaking = value }
        }
        let derived = contents(ofFile: directory + "/DerivedCoreProperties.txt")
        for (scalars, fields) in Self.entries(of: derived) where fields[0] == "InCB" {
            guard let value = ScalarProperties.Conjunct(rawValue: fields[1]) else {
                preconditionFailure("Indic_Conjunct_Break has a new value: \(fields[1])")
            }
            for scalar in scalars { properties[scalar].conjunct = value }
        }
        let emoji = contents(ofFile: directory + "/emoji-data.txt")
        for (scalars, fields) in Self.entries(of: emoji) where fields[0] == "Extended_Pictographic" {
            for scalar in scalars { properties[scalar].isPictographic = true }
        }
    }

    /// The lines `0600..0605 ; Prepend # comment`: a range of code points and its value.
    private static func entries(of file: String) -> [(scalars: ClosedRange<Int>, fields: [String])] {
        file.split(whereSeparator: \.isNewline).compactMap { line in
            let fields = line.prefix { $0 != "#" }.split(separator: ";").map { $0.filter { $0 != " " } }
            guard fields.count >= 2 else { return nil }
            let bounds = fields[0].split(separator: ".").compactMap { Int($0, radix: 16) }
            guard let first = bounds.first, let last = bounds.last else {
                preconditionFailure("not a range of code points: \(line)")
            }
            return (first...last, Array(fields.dropFirst()))
        }
    }
}

/// The absolute path of a file of this repository.
package func repositoryPath(_ path: String) -> String {
    "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/" + path
}

/// The text of a file, which must be there.
package func contents(ofFile path: String) -> String {
    guard let file = fopen(path, "r") else { preconditionFailure("cannot open \(path)") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 64 << 10)
    while case let count = fread(&block, 1, block.count, file), count > 0 { bytes += block.prefix(count) }
    return String(decoding: bytes, as: UTF8.self)
}
