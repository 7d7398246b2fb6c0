/// The changes of a line for undo. Consecutively typed text is one step.
struct UndoStack {
    /// The number of steps that are kept at least.
    private static let limit = 10_000

    private var changes: [(change: LineBuffer.Change, joins: Bool)] = []

    /// Records a change.
    ///
    /// - Parameter joins: Whether it belongs to the same step as the previous change.
    mutating func add(_ change: LineBuffer.Change, joins: Bool) {
        changes.append((change, joins))
        if changes.count > 2 * Self.limit { changes.removeFirst(Self.limit) }
    }

    /// Undoes the last step. Returns false if there is none.
    mutating func revert(_ buffer: inout LineBuffer) -> Bool {
        guard !changes.isEmpty else { return false }
        while let (change, joins) = changes.popLast() {
            buffer.revert(change)
            if !joins { break }
        }
        return true
    }
}
