/// Estimates how many columns a grapheme cluster takes. Terminals disagree, so the estimate is rather too large.
///
/// It only decides how much of a line is shown. The cursor is positioned without it.
enum DisplayWidth {
    /// Scalars that may be two columns wide: a superset of East_Asian_Width W and F (UAX #11) and of the emoji.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x231A...0x23FF, 0x25FD...0x27BF, 0x2B00...0x2BFF, 0x2E80...0xA4CF, 0xA960...0xA97F,
        0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE1F, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
        0x16FE0...0x1B2FF, 0x1D300...0x1D37F, 0x1F000...0x3FFFD,
    ]

    static func columns(of cluster: String) -> Int {
        if let byte = cluster.utf8.first, cluster.utf8.count == 1, 0x20..<0x7F ~= byte { return 1 }
        return cluster.unicodeScalars.reduce(0) { $0 + columns(of: $1) }
    }

    private static func columns(of scalar: Unicode.Scalar) -> Int {
        switch scalar.value {
        // Control characters, as `shown` writes them.
        case 0x00..<0x20, 0x7F: return 2
        case 0x80..<0xA0: return 8
        // U+FE0F selects the emoji form, which is wider.
        case 0xFE0F: return 1
        default: break
        }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: return wide.contains { $0.contains(scalar.value) } ? 2 : 1
        }
    }

    /// The cluster as it is written on the terminal, with control characters, including tab, shown as text.
    static func shown(_ cluster: String) -> String {
        cluster == "\t" ? "^I" : VisibleText.visible(cluster)
    }
}
