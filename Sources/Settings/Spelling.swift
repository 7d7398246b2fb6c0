/// Finds corrections of misspelled words.
enum Spelling {
    /// The word of `known` that is nearest to `word`; nil if none is near enough.
    ///
    /// Case is ignored and `-` equals `_`. A word is near enough if it is one edit away, or one edit per three letters of
    /// `word`. Otherwise `word` may be a part, at least four letters long, of one known word and of words that contain this one.
    static func nearest(to word: String, among known: [String]) -> String? {
        // The cost grows with the length of the word, and no key is that long.
        guard word.utf8.count <= 64 else { return nil }
        let plain = normalized(word)
        let distances = known.map { (word: $0, distance: distance(from: plain, to: normalized($0))) }
        if let best = distances.min(by: { $0.distance < $1.distance }),
            best.distance <= max(1, plain.count / 3), best.distance < plain.count
        {
            return best.word
        }
        let text = String(String.UnicodeScalarView(plain))
        let longer = known.filter { $0.contains(text) }
        guard plain.count >= 4, let shortest = longer.min(by: { $0.count < $1.count }) else { return nil }
        return longer.allSatisfy { $0.contains(shortest) } ? shortest : nil
    }

    private static func normalized(_ word: String) -> [Unicode.Scalar] {
        word.lowercased().unicodeScalars.map { $0 == "-" ? "_" : $0 }
    }

    /// The number of insertions, deletions, substitutions and swaps of neighbours between two words (the optimal string
    /// alignment form of the Damerau-Levenshtein distance).
    static func distance(from source: [Unicode.Scalar], to target: [Unicode.Scalar]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...target.count)
        for (row, letter) in source.enumerated() {
            var current = [row + 1]
            for (column, other) in target.enumerated() {
                var best = min(
                    last[column + 1] + 1,
                    current[column] + 1,
                    last[column] + (letter == other ? 0 : 1)
                )
                if row > 0, column > 0, letter == target[column - 1], source[row - 1] == other {
                    best = min(best, beforeLast[column - 1] + 1)
                }
                current.append(best)
            }
            beforeLast = last
            last = current
        }
        return last[target.count]
    }
}
