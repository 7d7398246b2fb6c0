import ReverseCore

/// The extended grapheme clusters (UAX #29) of a text, in order: the units of cursor movement and deletion. They are those
/// of `ReverseCore`, not of Swift's `Character`.
func graphemeClusters(of text: String) -> [String] { GraphemeCluster.split(text) }
