/// Maps control characters and escape sequences to keys.
enum KeySequence {
    static func control(_ byte: UInt8) -> Key {
        switch byte {
        case 0x01: .home
        case 0x02: .left
        case 0x03: .interrupt
        case 0x04: .endOfInput
        case 0x05: .end
        case 0x06: .right
        case 0x07: .cancel
        case 0x08, 0x7F: .backspace
        case 0x0B: .deleteToEnd
        case 0x0C: .clearScreen
        case 0x0E: .down
        case 0x10: .up
        case 0x12: .searchBackward
        case 0x13: .searchForward
        case 0x14: .transpose
        case 0x15: .deleteToStart
        case 0x17: .deleteWord
        case 0x19: .yank
        case 0x1A: .suspend
        case 0x1F: .undo
        default: .unknown
        }
    }

    /// A key pressed with Alt, which sends ESC first.
    static func alt(_ byte: UInt8) -> Key {
        switch byte {
        case UInt8(ascii: "b"), UInt8(ascii: "B"): .wordLeft
        case UInt8(ascii: "f"), UInt8(ascii: "F"): .wordRight
        case UInt8(ascii: "d"), UInt8(ascii: "D"): .deleteWordForward
        case UInt8(ascii: "r"), UInt8(ascii: "R"): .undoAll
        case UInt8(ascii: "<"): .firstLine
        case UInt8(ascii: ">"): .lastLine
        default: .unknown
        }
    }

    /// The key of a sequence that starts with CSI or SS3.
    static func key(parameters: [UInt8], final: UInt8, isAlt: Bool, isSingleShift: Bool) -> Key {
        guard let numbers = numbers(parameters) else { return .unknown }
        // xterm sends the modifier bits plus one as the second parameter; old SS3 sequences send only that parameter.
        let modifiers = (numbers.count > 1 ? numbers[1] : isSingleShift ? numbers.first ?? 1 : 1) - 1
        // Alt, Ctrl or Meta; rxvt sends lower-case letters after SS3 for Ctrl.
        let isWord = isAlt || modifiers & 0b1110 != 0
        switch final {
        case UInt8(ascii: "A"): return .up
        case UInt8(ascii: "B"): return .down
        case UInt8(ascii: "C"): return isWord ? .wordRight : .right
        case UInt8(ascii: "D"): return isWord ? .wordLeft : .left
        case UInt8(ascii: "H"): return .home
        case UInt8(ascii: "F"): return .end
        case UInt8(ascii: "M") where isSingleShift: return .enter
        case UInt8(ascii: "a"): return .up
        case UInt8(ascii: "b"): return .down
        case UInt8(ascii: "c"): return isWord || isSingleShift ? .wordRight : .right
        case UInt8(ascii: "d"): return isWord || isSingleShift ? .wordLeft : .left
        case UInt8(ascii: "R") where numbers.count == 2 && !isSingleShift:
            return .cursorReport(row: numbers[0], column: numbers[1])
        // The final bytes of rxvt for Shift, Ctrl and both.
        case UInt8(ascii: "~"), UInt8(ascii: "$"), UInt8(ascii: "^"), UInt8(ascii: "@"):
            return editing(numbers.first ?? 0, isWord: isWord || final == UInt8(ascii: "^"))
        default: return .unknown
        }
    }

    private static func editing(_ number: Int, isWord: Bool) -> Key {
        switch number {
        case 1, 7: .home
        case 3: isWord ? .deleteWordForward : .delete
        case 4, 8: .end
        default: .unknown
        }
    }

    /// Numbers separated by semicolons; an empty one is 1. Nil for anything else.
    private static func numbers(_ parameters: [UInt8]) -> [Int]? {
        if parameters.isEmpty { return [] }
        var numbers: [Int] = []
        for part in parameters.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false) {
            guard part.count <= 6, part.allSatisfy({ 0x30...0x39 ~= $0 }) else { return nil }
            numbers.append(part.isEmpty ? 1 : part.reduce(0) { $0 * 10 + Int($1 - 0x30) })
        }
        return numbers
    }
}
