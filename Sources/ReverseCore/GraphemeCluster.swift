/// Extended grapheme clusters (UAX #29): what a reader sees as one character.
public enum GraphemeCluster {
    /// The version of Unicode that defines the boundaries, such as "17.0.0". It does not depend on the version that `Character`
    /// of the Swift runtime uses.
    public static let unicodeVersion = GraphemeClassTable.unicodeVersion

    /// The clusters of `text`, in order; joined, they are `text`. The time is proportional to the length of `text`.
    public static func split(_ text: String) -> [String] {
        var clusters: [String] = []
        var cluster = String.UnicodeScalarView()
        var row = GraphemeTransition.row(of: .start)
        for scalar in text.unicodeScalars {
            let transition = GraphemeTransition.table[row + GraphemeClass.code(of: scalar.value)]
            if transition.isBoundary, !cluster.isEmpty {
                clusters.append(String(cluster))
                cluster = String.UnicodeScalarView()
            }
            cluster.append(scalar)
            row = transition.nextRow
        }
        if !cluster.isEmpty { clusters.append(String(cluster)) }
        return clusters
    }
}
