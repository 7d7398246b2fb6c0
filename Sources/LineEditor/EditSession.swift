/// One line being edited: keys in, what is to be done out.
struct EditSession {
    enum Action: Equatable {
        case none, bell, redraw, clearScreen, interrupt, endOfInput, suspend
        case submit(String)
    }

    private(set) var buffer = LineBuffer()
    /// The history and, behind it, the line that is new; edits of old lines last until the line is submitted.
    private var lines: [String]
    private var place: Int
    private var removed = ""

    init(history: [String]) {
        lines = history + [""]
        place = history.count
    }

    mutating func handle(_ key: Key) -> Action {
        switch key {
        case .text(let text):
            buffer.insert(text)
            return .redraw
        case .enter: return .submit(buffer.text)
        case .left: return move(to: buffer.cursor - 1)
        case .right: return move(to: buffer.cursor + 1)
        case .home: return move(to: 0)
        case .end: return move(to: buffer.characters.count)
        case .wordLeft: return move(to: buffer.wordStart)
        case .wordRight: return move(to: buffer.wordEnd)
        case .up: return show(place - 1)
        case .down: return show(place + 1)
        case .backspace: return remove(buffer.cursor - 1..<buffer.cursor, keeps: false)
        case .delete: return remove(buffer.cursor..<buffer.cursor + 1, keeps: false)
        case .deleteWord: return remove(buffer.wordStart..<buffer.cursor, keeps: true)
        case .deleteToStart: return remove(0..<buffer.cursor, keeps: true)
        case .deleteToEnd: return remove(buffer.cursor..<buffer.characters.count, keeps: true)
        case .yank:
            buffer.insert(removed)
            return .redraw
        case .endOfInput:
            guard buffer.characters.isEmpty else {
                return remove(buffer.cursor..<buffer.cursor + 1, keeps: false)
            }
            return .endOfInput
        case .clearScreen: return .clearScreen
        case .interrupt: return .interrupt
        case .suspend: return .suspend
        case .unknown: return .none
        }
    }

    private mutating func move(to position: Int) -> Action {
        guard (0...buffer.characters.count).contains(position) else { return .bell }
        buffer.move(to: position)
        return .redraw
    }

    private mutating func remove(_ range: Range<Int>, keeps: Bool) -> Action {
        guard range.lowerBound >= 0, range.upperBound <= buffer.characters.count else { return .bell }
        let text = buffer.remove(range)
        if keeps && !text.isEmpty { removed = text }
        return .redraw
    }

    private mutating func show(_ next: Int) -> Action {
        guard lines.indices.contains(next) else { return .bell }
        lines[place] = buffer.text
        place = next
        buffer = LineBuffer(lines[place])
        return .redraw
    }
}
