/// The changes of a line, to be taken back one after the other. Text that was typed in one go is one step.
struct UndoStack {
    /// Older steps than these may be forgotten.
    private static let limit = 10_000

    private var changes: [(change: LineBuffer.Change, joins: Bool)] = []

    /// Notes a change.
    ///
    /// - Parameter joins: Whether it is taken back together with the one before it.
    mutating func add(_ change: LineBuffer.Change, joins: Bool) {
        changes.append((change, joins))
        if changes.count > 2 * Self.limit { changes.removeFirst(Self.limit) }
    }

    /// Takes the last step back; false when there is none.
    mutating func revert(_ buffer: inout LineBuffer) -> Bool {
        guard !changes.isEmpty else { return false }
        while let (change, joins) = changes.popLast() {
            buffer.revert(change)
            if !joins { break }
        }
        return true
    }
}
