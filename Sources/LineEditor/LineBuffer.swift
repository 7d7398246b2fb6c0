/// A line of text and a cursor between two of its grapheme clusters.
///
/// A change looks for cluster boundaries only around the place where it happens, so that a key costs the same in a long
/// line as in a short one.
struct LineBuffer: Equatable {
    /// What a change replaced, so that it can be taken back.
    struct Change: Equatable {
        /// Where the replaced clusters began.
        let start: Int
        /// How many clusters stand there now.
        let count: Int
        /// What stood there before.
        let replaced: [String]
        /// Where the cursor stood.
        let cursor: Int
    }

    private(set) var clusters: [String] = []
    /// How many clusters stand before the cursor.
    private(set) var cursor = 0

    init(_ text: String = "") {
        clusters = graphemeClusters(of: text)
        cursor = clusters.count
    }

    var text: String { clusters.joined() }

    mutating func move(to position: Int) { cursor = max(0, min(clusters.count, position)) }

    /// Inserts text before the cursor. It may join with its neighbours: a combining mark becomes part of the cluster before
    /// it. The cursor stands behind the text, or behind the cluster that its end became part of.
    @discardableResult
    mutating func insert(_ text: String) -> Change { replace(cursor..<cursor, with: text) }

    /// Removes the clusters of `range`; those on both sides may join.
    @discardableResult
    mutating func remove(_ range: Range<Int>) -> Change { replace(range, with: "") }

    /// Takes the newest change back.
    mutating func revert(_ change: Change) {
        clusters.replaceSubrange(change.start..<change.start + change.count, with: change.replaced)
        cursor = change.cursor
    }

    mutating func replace(_ range: Range<Int>, with text: String) -> Change {
        // The text before a boundary does not change where the boundaries behind it are, so one cluster before the change is
        // enough. Behind it more are taken in until an old boundary is a boundary of the new text, too.
        let start = max(0, range.lowerBound - 1)
        let before = clusters[start..<range.lowerBound].joined() + text
        var end = range.upperBound
        var step = 1
        while true {
            let next = min(clusters.count, end + step)
            let piece = graphemeClusters(of: before + clusters[range.upperBound..<next].joined())
            if next == clusters.count || piece.last == clusters[next - 1] {
                return splice(start..<next, with: piece, cursorBehind: before.utf8.count)
            }
            (end, step) = (next, step * 2)
        }
    }

    private mutating func splice(_ range: Range<Int>, with piece: [String], cursorBehind bytes: Int) -> Change
    {
        let change = Change(
            start: range.lowerBound,
            count: piece.count,
            replaced: Array(clusters[range]),
            cursor: cursor
        )
        clusters.replaceSubrange(range, with: piece)
        var passed = 0
        cursor = range.lowerBound
        while passed < bytes {
            passed += clusters[cursor].utf8.count
            cursor += 1
        }
        return change
    }

    /// Where the word before the cursor begins.
    var wordStart: Int {
        var position = cursor
        while position > 0 && isSpace(position - 1) { position -= 1 }
        while position > 0 && !isSpace(position - 1) { position -= 1 }
        return position
    }

    /// Where the word after the cursor ends.
    var wordEnd: Int {
        var position = cursor
        while position < clusters.count && isSpace(position) { position += 1 }
        while position < clusters.count && !isSpace(position) { position += 1 }
        return position
    }

    private func isSpace(_ index: Int) -> Bool {
        clusters[index].unicodeScalars.first?.properties.isWhitespace ?? false
    }
}
