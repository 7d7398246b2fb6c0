/// Makes keys of the bytes that a terminal sends: UTF-8, control characters, and the escape sequences of ECMA-48 as
/// xterm uses them. Fed in pieces of any size.
struct KeyDecoder {
    private static let pasteBegin = Array("[200~".utf8)
    private static let pasteEnd = Array("\u{1B}[201~".utf8)

    private var pending: [UInt8] = []
    private var isPasting = false
    private var sawReturn = false

    /// Whether the bytes so far may be the beginning of a key.
    var isWaiting: Bool { !pending.isEmpty && !isPasting }

    /// The keys in `bytes` and what was left of earlier ones.
    mutating func decode(_ bytes: [UInt8]) -> [Key] {
        pending += bytes
        var keys: [Key] = []
        var position = 0
        while position < pending.count, let (key, length) = next(pending[position...]) {
            position += length
            if let key { Self.append(key, to: &keys) }
        }
        pending.removeFirst(position)
        return keys
    }

    /// What was waited for did not come: an Escape key, or half a character.
    mutating func giveUpWaiting() -> [Key] {
        guard !pending.isEmpty else { return [] }
        let rest = pending.dropFirst()
        pending = []
        return [.unknown] + decode(Array(rest))
    }

    /// Neighbouring text becomes one key, so that a paste is one insertion.
    private static func append(_ key: Key, to keys: inout [Key]) {
        if case .text(let more) = key, case .text(let text)? = keys.last {
            keys[keys.count - 1] = .text(text + more)
        } else {
            keys.append(key)
        }
    }

    /// The first key and how many bytes it has; a nil key for bytes that say nothing; nil when more are needed.
    private mutating func next(_ bytes: ArraySlice<UInt8>) -> (Key?, Int)? {
        guard let first = bytes.first else { return nil }
        if isPasting { return nextPasted(bytes, first) }
        let wasReturn = sawReturn
        sawReturn = first == 0x0D
        switch first {
        case 0x1B: return escape(bytes)
        case 0x0D: return (.enter, 1)
        // The second half of CR LF in a paste.
        case 0x0A: return (wasReturn ? nil : .enter, 1)
        case 0x09: return (.text("\t"), 1)
        case 0x00..<0x20, 0x7F: return (Self.control(first), 1)
        default: return character(bytes, first)
        }
    }

    private mutating func nextPasted(_ bytes: ArraySlice<UInt8>, _ first: UInt8) -> (Key?, Int)? {
        if first == 0x1B {
            if bytes.starts(with: Self.pasteEnd) {
                isPasting = false
                return (nil, Self.pasteEnd.count)
            }
            if Self.pasteEnd.starts(with: bytes) { return nil }
        }
        let wasReturn = sawReturn
        sawReturn = first == 0x0D
        switch first {
        case 0x0D: return (.enter, 1)
        case 0x0A: return (wasReturn ? nil : .enter, 1)
        case 0x00..<0x80: return (.text(String(Unicode.Scalar(first))), 1)
        default: return character(bytes, first)
        }
    }

    private static func control(_ byte: UInt8) -> Key {
        switch byte {
        case 0x01: .home
        case 0x02: .left
        case 0x03: .interrupt
        case 0x04: .endOfInput
        case 0x05: .end
        case 0x06: .right
        case 0x08, 0x7F: .backspace
        case 0x0B: .deleteToEnd
        case 0x0C: .clearScreen
        case 0x0E: .down
        case 0x10: .up
        case 0x15: .deleteToStart
        case 0x17: .deleteWord
        case 0x19: .yank
        case 0x1A: .suspend
        default: .unknown
        }
    }

    private func character(_ bytes: ArraySlice<UInt8>, _ first: UInt8) -> (Key?, Int)? {
        let length =
            switch first {
            case 0xC2...0xDF: 2
            case 0xE0...0xEF: 3
            case 0xF0...0xF4: 4
            default: 1
            }
        let tail = bytes.dropFirst().prefix(length - 1).prefix { 0x80...0xBF ~= $0 }
        if bytes.count < length && tail.count == bytes.count - 1 { return nil }
        // An ill-formed sequence becomes one replacement character.
        return (.text(String(decoding: bytes.prefix(1 + tail.count), as: UTF8.self)), 1 + tail.count)
    }

    private mutating func escape(_ bytes: ArraySlice<UInt8>) -> (Key?, Int)? {
        let rest = bytes.dropFirst()
        guard let second = rest.first else { return nil }
        switch second {
        case UInt8(ascii: "["):
            let body = rest.dropFirst().prefix { 0x20...0x3F ~= $0 }
            guard let final = rest.dropFirst(1 + body.count).first else { return nil }
            let length = 3 + body.count
            if Array(rest.prefix(5)) == Self.pasteBegin {
                isPasting = true
                return (nil, length)
            }
            return (Self.sequence(String(decoding: body, as: UTF8.self), final), length)
        case UInt8(ascii: "O"):
            guard let final = rest.dropFirst().first else { return nil }
            return (Self.sequence("", final), 3)
        case UInt8(ascii: "b"): return (.wordLeft, 2)
        case UInt8(ascii: "f"): return (.wordRight, 2)
        case 0x7F, 0x08: return (.deleteWord, 2)
        default: return (.unknown, 2)
        }
    }

    private static func sequence(_ parameters: String, _ final: UInt8) -> Key {
        let isWord = parameters.hasSuffix(";5") || parameters.hasSuffix(";3")
        return switch (final, parameters) {
        case (UInt8(ascii: "A"), _): .up
        case (UInt8(ascii: "B"), _): .down
        case (UInt8(ascii: "C"), _): isWord ? .wordRight : .right
        case (UInt8(ascii: "D"), _): isWord ? .wordLeft : .left
        case (UInt8(ascii: "H"), _), (UInt8(ascii: "~"), "1"), (UInt8(ascii: "~"), "7"): .home
        case (UInt8(ascii: "F"), _), (UInt8(ascii: "~"), "4"), (UInt8(ascii: "~"), "8"): .end
        case (UInt8(ascii: "~"), "3"): .delete
        default: .unknown
        }
    }
}
