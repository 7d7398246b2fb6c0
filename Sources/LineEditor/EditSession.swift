/// One line being edited: takes keys, returns actions.
struct EditSession {
    enum Action: Equatable {
        case none, bell, redraw, clearScreen, endOfInput, suspend
        case submit(String, isPasted: Bool)
    }

    private(set) var buffer = LineBuffer()
    /// The history search in progress.
    private(set) var search: HistorySearch?
    private var lines: HistoryLines
    private var place: Int
    private var removed = ""
    private var undo = UndoStack()
    private var lastKey = Key.unknown

    init(history: [String]) {
        lines = HistoryLines(history: history)
        place = history.count
    }

    mutating func handle(_ key: Key) -> Action {
        defer { lastKey = key }
        if search != nil, let action = handleInSearch(key) { return action }
        switch key {
        case .text(let text):
            undo.add(buffer.insert(text), joins: lastKey.isText)
            return .redraw
        case .enter: return .submit(buffer.text, isPasted: false)
        case .pastedEnter: return .submit(buffer.text, isPasted: true)
        case .left: return move(to: buffer.cursor - 1)
        case .right: return move(to: buffer.cursor + 1)
        case .home: return move(to: 0)
        case .end: return move(to: buffer.clusters.count)
        case .wordLeft: return move(to: buffer.wordStart)
        case .wordRight: return move(to: buffer.wordEnd)
        case .up: return show(place - 1)
        case .down: return show(place + 1)
        case .firstLine: return show(0)
        case .lastLine: return show(lines.count - 1)
        case .backspace: return remove(buffer.cursor - 1..<buffer.cursor)
        case .delete: return remove(buffer.cursor..<buffer.cursor + 1)
        case .deleteWord: return cut(buffer.wordStart..<buffer.cursor)
        case .deleteWordForward: return cut(buffer.cursor..<buffer.wordEnd)
        case .deleteToStart: return cut(0..<buffer.cursor)
        case .deleteToEnd: return cut(buffer.cursor..<buffer.clusters.count)
        case .yank:
            guard !removed.isEmpty else { return .bell }
            undo.add(buffer.insert(removed), joins: false)
            return .redraw
        case .transpose: return transpose()
        case .undo: return undo.revert(&buffer) ? .redraw : .bell
        case .undoAll:
            while undo.revert(&buffer) {}
            return .redraw
        case .searchBackward, .searchForward:
            search = HistorySearch(from: place, isForward: key == .searchForward)
            return .redraw
        case .endOfInput: return buffer.clusters.isEmpty ? .endOfInput : handle(.delete)
        case .clearScreen: return .clearScreen
        case .suspend: return .suspend
        case .cancel: return .bell
        // The editor handles Ctrl-C, which must not wait for the keys before it.
        case .interrupt, .cursorReport, .unknown: return .none
        }
    }

    private mutating func move(to position: Int) -> Action {
        guard (0...buffer.clusters.count).contains(position) else { return .bell }
        buffer.move(to: position)
        return .redraw
    }

    private mutating func remove(_ range: Range<Int>) -> Action {
        guard range.lowerBound >= 0, range.upperBound <= buffer.clusters.count else { return .bell }
        undo.add(buffer.remove(range), joins: false)
        return .redraw
    }

    /// Cuts text for Ctrl-Y. The text of consecutive cuts is collected.
    private mutating func cut(_ range: Range<Int>) -> Action {
        guard !range.isEmpty else { return .bell }
        let text = buffer.clusters[range].joined()
        if !lastKey.isCut {
            removed = text
        } else if range.lowerBound < buffer.cursor {
            removed = text + removed
        } else {
            removed += text
        }
        return remove(range)
    }

    /// Exchanges the clusters on both sides of the cursor, or the last two.
    private mutating func transpose() -> Action {
        let right = min(buffer.cursor, buffer.clusters.count - 1)
        guard right > 0 else { return .bell }
        let text = buffer.clusters[right] + buffer.clusters[right - 1]
        undo.add(buffer.replace(right - 1..<right + 1, with: text), joins: false)
        return .redraw
    }

    private mutating func show(_ next: Int, cursor: Int? = nil) -> Action {
        guard (0..<lines.count).contains(next), next != place || cursor != nil else { return .bell }
        if next != place {
            lines[place] = buffer.text
            place = next
            buffer = LineBuffer(lines[place])
            undo = UndoStack()
        }
        if let cursor { buffer.move(to: cursor) }
        return .redraw
    }
}

// MARK: - Search

extension EditSession {
    /// Returns nil if the key ends the search. The key then edits the match.
    private mutating func handleInSearch(_ key: Key) -> Action? {
        guard var current = search else { return nil }
        switch key {
        case .text(let text): current.add(text)
        case .backspace:
            guard current.removeLast() else { return .bell }
        case .searchBackward, .searchForward: current.goOn(isForward: key == .searchForward)
        case .cancel:
            search = nil
            _ = show(current.origin)
            return .redraw
        case .unknown, .cursorReport: return Action.none
        default:
            search = nil
            return nil
        }
        lines[place] = buffer.text
        let found = current.find(in: lines)
        search = current
        guard let found else { return current.text.isEmpty ? .redraw : .bell }
        let before = graphemeClusters(of: String(lines[found.line].utf8.prefix(found.offset)) ?? "").count
        return show(found.line, cursor: before)
    }
}

extension Key {
    var isText: Bool {
        if case .text = self { true } else { false }
    }

    fileprivate var isCut: Bool {
        switch self {
        case .deleteWord, .deleteWordForward, .deleteToStart, .deleteToEnd: true
        default: false
        }
    }
}
