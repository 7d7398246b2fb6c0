/// A line of text with a cursor between grapheme clusters.
///
/// A change recomputes cluster boundaries only around it, so that a key costs the same in a long line as in a short one.
struct LineBuffer: Equatable {
    /// What a change replaced, for undo.
    struct Change: Equatable {
        /// The index of the first replaced cluster.
        let start: Int
        /// The number of clusters that replaced them.
        let count: Int
        /// The replaced clusters.
        let replaced: [String]
        /// The cursor before the change.
        let cursor: Int
    }

    private(set) var clusters: [String] = []
    /// The number of clusters before the cursor.
    private(set) var cursor = 0

    init(_ text: String = "") {
        clusters = graphemeClusters(of: text)
        cursor = clusters.count
    }

    var text: String { clusters.joined() }

    mutating func move(to position: Int) { cursor = max(0, min(clusters.count, position)) }

    /// Inserts text before the cursor. The text may join its neighbours: a combining mark becomes part of the previous cluster.
    /// The cursor ends up after the text, or after the cluster that contains its end.
    @discardableResult
    mutating func insert(_ text: String) -> Change { replace(cursor..<cursor, with: text) }

    /// Removes the clusters of `range`. Their neighbours may join.
    @discardableResult
    mutating func remove(_ range: Range<Int>) -> Change { replace(range, with: "") }

    /// Undoes the last change.
    mutating func revert(_ change: Change) {
        clusters.replaceSubrange(change.start..<change.start + change.count, with: change.replaced)
        cursor = change.cursor
    }

    mutating func replace(_ range: Range<Int>, with text: String) -> Change {
        // Text before a boundary does not affect later boundaries, so one cluster before the change is enough. After it,
        // clusters are added until an old boundary is also a boundary of the new text.
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

    /// The start of the word before the cursor.
    var wordStart: Int {
        var position = cursor
        while position > 0 && isSpace(position - 1) { position -= 1 }
        while position > 0 && !isSpace(position - 1) { position -= 1 }
        return position
    }

    /// The end of the word after the cursor.
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
