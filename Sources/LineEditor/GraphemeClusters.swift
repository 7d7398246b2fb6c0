/// The extended grapheme clusters (UAX #29) of a text, in order: what the cursor moves over, and what one key removes.
func graphemeClusters(of text: String) -> [String] { text.map { String($0) } }
