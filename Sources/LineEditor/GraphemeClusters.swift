import ReverseCore

/// The extended grapheme clusters (UAX #29) of a text, in order: what the cursor moves over, and what one key removes. They
/// are the server's, not those of Swift's `Character`.
func graphemeClusters(of text: String) -> [String] { GraphemeCluster.split(text) }
