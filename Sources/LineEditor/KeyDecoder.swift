/// Decodes the bytes of a terminal into keys: UTF-8, control characters, escape sequences of ECMA-48 (5th edition, sections 5.3
/// to 5.6) and extensions of terminals. The bytes may arrive in pieces of any size.
///
/// A sequence has no time limit, so the rest of it may arrive late. Unknown and broken sequences are consumed as a whole.
struct KeyDecoder {
    private enum State: Equatable {
        case ground
        /// In a UTF-8 character; the value is the number of missing bytes.
        case character([UInt8], missing: Int)
        /// After ESC.
        case escape
        /// After ESC and intermediate bytes.
        case escapeIntermediate
        /// After CSI and these bytes.
        case controlSequence([UInt8])
        /// After `ESC [ [`, which one more byte completes to a function key of the Linux console.
        case linuxFunction
        /// After SS3 and these bytes.
        case singleShift([UInt8])
        /// In an X10 mouse report; the value is the number of missing characters.
        case mouse(missing: Int, continuation: Bool)
        /// In an OSC, DCS, APC, PM or SOS string, after this byte.
        case string(last: UInt8)
        /// After Ctrl-V: the next character is text.
        case quoted
        /// After Ctrl-V, ESC and this many further bytes of the start mark of a paste.
        case quotedEscape(matched: Int)
        /// After Ctrl-X.
        case prefix
    }

    /// The end mark of a bracketed paste (xterm's ctlseqs, "Bracketed Paste Mode").
    static let pasteEnd = Array("\u{1B}[201~".utf8)
    private static let pasteBegin = Array("\u{1B}[200~".utf8)
    /// The number of bytes that are kept of a control sequence. No key is longer.
    private static let longestSequence = 64

    private var state = State.ground
    /// How many bytes of the end mark of a bracketed paste have arrived; nil outside of a paste.
    private(set) var pasteMatched: Int?
    /// Whether ESC preceded the character or sequence.
    private var isAlt = false
    private var sawReturn = false
    private var dropsPaste = false
    private var text: [UInt8] = []
    private var keys: [Key] = []

    var isPasting: Bool { pasteMatched != nil }
    /// Whether the current paste is discarded.
    var isDroppingPaste: Bool { isPasting && dropsPaste }

    /// Decodes `bytes`, together with an incomplete rest of earlier ones.
    mutating func decode(_ bytes: [UInt8]) -> [Key] {
        for byte in bytes { take(byte) }
        // A key with Alt arrives alone, a sequence with intermediate bytes in one piece.
        if state == .escapeIntermediate { finish(.unknown) }
        let half = isPasting ? Self.unfinishedCharacter(text) : 0
        let rest = text.suffix(half)
        text.removeLast(half)
        flushText()
        text = Array(rest)
        defer { keys = [] }
        return keys
    }

    /// The number of bytes at the end of `bytes` that start an incomplete character.
    private static func unfinishedCharacter(_ bytes: [UInt8]) -> Int {
        let tail = bytes.suffix(3).reversed().prefix { 0x80...0xBF ~= $0 }.count
        guard tail < min(3, bytes.count) else { return 0 }
        let length =
            switch bytes[bytes.count - 1 - tail] {
            case 0xC2...0xDF: 2
            case 0xE0...0xEF: 3
            case 0xF0...0xF4: 4
            default: 0
            }
        return tail + 1 < length ? tail + 1 : 0
    }

    /// Discards the rest of a bracketed paste, up to its end mark.
    mutating func dropPaste() { dropsPaste = isPasting }

    /// Ends a bracketed paste whose end mark did not arrive.
    mutating func endPaste() {
        (pasteMatched, dropsPaste) = (nil, false)
    }

    private mutating func take(_ byte: UInt8) {
        if let pasteMatched { return takePasted(byte, pasteMatched) }
        switch state {
        case .string(let last): takeOfString(byte, last)
        case .mouse(let missing, let continuation): takeOfMouse(byte, missing, continuation)
        case .character(let bytes, let missing): takeOfCharacter(byte, bytes, missing)
        case .ground: takeFirst(byte)
        case .quoted: takeQuoted(byte)
        case .quotedEscape(let matched): takeBehindQuotedEscape(byte, matched)
        case _ where byte < 0x20 || byte >= 0x7F: takeOutside(byte)
        case .escape: takeBehindEscape(byte)
        case .escapeIntermediate: if byte >= 0x30 { finish(.unknown) }
        case .controlSequence(let bytes): takeOfSequence(byte, bytes)
        case .linuxFunction, .prefix: finish(.unknown)
        case .singleShift(let bytes):
            if 0x30...0x3F ~= byte {
                state = .singleShift(Self.appending(byte, to: bytes))
            } else {
                finish(KeySequence.key(parameters: bytes, final: byte, isAlt: isAlt, isSingleShift: true))
            }
        }
    }

    private mutating func finish(_ key: Key) {
        state = .ground
        isAlt = false
        emit(key)
    }

    private mutating func emit(_ key: Key) {
        flushText()
        keys.append(key)
    }

    private mutating func flushText() {
        guard !text.isEmpty else { return }
        // An ill-formed sequence becomes a replacement character.
        keys.append(.text(String(decoding: text, as: UTF8.self)))
        text = []
    }

    private static func appending(_ byte: UInt8, to bytes: [UInt8]) -> [UInt8] {
        bytes.count < longestSequence ? bytes + [byte] : bytes
    }
}

// MARK: - Text and control characters

extension KeyDecoder {
    private mutating func takeFirst(_ byte: UInt8) {
        let wasReturn = sawReturn
        sawReturn = byte == 0x0D
        switch byte {
        case 0x1B: state = .escape
        case 0x16, 0x11: state = .quoted
        case 0x18: state = .prefix
        case 0x0D: emit(.enter)
        // The second half of CR LF.
        case 0x0A: if !wasReturn { emit(.enter) }
        case 0x09, 0x20..<0x7F: text.append(byte)
        case 0x00..<0x20, 0x7F: emit(KeySequence.control(byte))
        case 0x80..<0xA0: takeC1(byte)
        default: beginCharacter(byte)
        }
    }

    private mutating func beginCharacter(_ byte: UInt8) {
        switch byte {
        case 0xC2...0xDF: state = .character([byte], missing: 1)
        case 0xE0...0xEF: state = .character([byte], missing: 2)
        case 0xF0...0xF4: state = .character([byte], missing: 3)
        default: endCharacter([byte])
        }
    }

    private mutating func takeOfCharacter(_ byte: UInt8, _ bytes: [UInt8], _ missing: Int) {
        guard 0x80...0xBF ~= byte else {
            endCharacter(bytes)
            return take(byte)
        }
        if missing > 1 {
            state = .character(bytes + [byte], missing: missing - 1)
        } else if bytes == [0xC2] && byte < 0xA0 {
            takeC1(byte)
        } else {
            endCharacter(bytes + [byte])
        }
    }

    /// Ends a character, complete or not.
    private mutating func endCharacter(_ bytes: [UInt8]) {
        if isAlt { return finish(.unknown) }
        state = .ground
        // Repaired alone: beside its neighbours an ill-formed sequence could be repaired in another way.
        text += Array(String(decoding: bytes, as: UTF8.self).utf8)
    }

    private mutating func takeQuoted(_ byte: UInt8) {
        state = .ground
        switch byte {
        // A line cannot contain a line feed.
        case 0x0A: emit(.unknown)
        // ESC, unless it starts a paste.
        case 0x1B: state = .quotedEscape(matched: 1)
        case 0x00..<0x80: text.append(byte)
        default: beginCharacter(byte)
        }
    }

    private mutating func takeBehindQuotedEscape(_ byte: UInt8, _ matched: Int) {
        guard byte == Self.pasteBegin[matched] else {
            state = .ground
            text += Self.pasteBegin[..<matched]
            return take(byte)
        }
        if matched + 1 == Self.pasteBegin.count { return beginPaste() }
        state = .quotedEscape(matched: matched + 1)
    }

    /// The C1 control functions. Each equals ESC and a byte that is 0x40 lower.
    private mutating func takeC1(_ byte: UInt8) {
        state = .escape
        takeBehindEscape(byte - 0x40)
    }
}

// MARK: - Sequences

extension KeyDecoder {
    /// Handles a byte that does not belong to the sequence, which ends it.
    private mutating func takeOutside(_ byte: UInt8) {
        let before = state
        state = .ground
        switch (before, byte) {
        case (.escape, 0x1B): (state, isAlt) = (.escape, true)
        case (.escape, 0x7F), (.escape, 0x08): finish(.deleteWord)
        case (.escape, 0x09), (.escape, 0x16), (.escape, 0x18): finish(.unknown)
        case (.escape, 0xA0...):
            isAlt = true
            beginCharacter(byte)
        case (.prefix, 0x15): finish(.undo)
        case (.prefix, 0x00..<0x1B) where byte != 0x03 && byte != 0x0D: finish(.unknown)
        default:
            isAlt = false
            takeFirst(byte)
        }
    }

    private mutating func takeBehindEscape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "["): state = .controlSequence([])
        case UInt8(ascii: "O"): state = .singleShift([])
        case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "_"), UInt8(ascii: "^"), UInt8(ascii: "X"):
            state = .string(last: 0)
        case 0x20..<0x30: state = .escapeIntermediate
        default: finish(KeySequence.alt(byte))
        }
    }

    private mutating func takeOfSequence(_ byte: UInt8, _ bytes: [UInt8]) {
        switch byte {
        case UInt8(ascii: "[") where bytes.isEmpty: state = .linuxFunction
        case UInt8(ascii: "M") where bytes.isEmpty: state = .mouse(missing: 3, continuation: false)
        // rxvt ends keys with Shift by a byte that ECMA-48 defines as intermediate.
        case UInt8(ascii: "$") where !bytes.isEmpty && bytes.allSatisfy { 0x30...0x39 ~= $0 }:
            finish(KeySequence.key(parameters: bytes, final: byte, isAlt: isAlt, isSingleShift: false))
        case 0x20..<0x40: state = .controlSequence(Self.appending(byte, to: bytes))
        case UInt8(ascii: "~") where bytes == Array("200".utf8):
            beginPaste()
        default: finish(KeySequence.key(parameters: bytes, final: byte, isAlt: isAlt, isSingleShift: false))
        }
    }

    /// A button and two coordinates, each one byte or one character of UTF-8.
    private mutating func takeOfMouse(_ byte: UInt8, _ missing: Int, _ continuation: Bool) {
        if byte == 0x1B || byte == 0x03 { return takeOutside(byte) }
        let isRest = continuation && 0x80...0xBF ~= byte
        let left = isRest ? missing : missing - 1
        if left < 0 {
            finish(.unknown)
            take(byte)
        } else if !isRest && 0xC2...0xDF ~= byte {
            state = .mouse(missing: left, continuation: true)
        } else if left == 0 {
            finish(.unknown)
        } else {
            state = .mouse(missing: left, continuation: false)
        }
    }

    /// A string ends with ST (`ESC \`, or U+009C) or BEL. CAN, SUB and any other use of ESC abort it, and so does Ctrl-C, to get
    /// out of a string without an end.
    private mutating func takeOfString(_ byte: UInt8, _ last: UInt8) {
        switch (last, byte) {
        case (0x1B, UInt8(ascii: "\\")), (_, 0x07), (_, 0x18), (_, 0x1A), (0xC2, 0x9C): finish(.unknown)
        case (_, 0x03): takeOutside(byte)
        case (0x1B, 0x1B): break
        case (0x1B, _):
            state = .escape
            take(byte)
        default: state = .string(last: byte)
        }
    }
}

// MARK: - Bracketed paste

extension KeyDecoder {
    private mutating func beginPaste() {
        flushText()
        pasteMatched = 0
        state = .ground
        (isAlt, sawReturn) = (false, false)
    }

    /// In a paste everything except line ends is text.
    private mutating func takePasted(_ byte: UInt8, _ matched: Int) {
        if byte == Self.pasteEnd[matched] {
            pasteMatched = matched + 1
            if matched + 1 == Self.pasteEnd.count {
                flushText()
                sawReturn = false
                endPaste()
            }
            return
        }
        pasteMatched = 0
        if matched > 0 {
            // It was not the end mark, which can restart only with an ESC.
            for earlier in Self.pasteEnd[..<matched] { insertPasted(earlier) }
            return takePasted(byte, 0)
        }
        insertPasted(byte)
    }

    private mutating func insertPasted(_ byte: UInt8) {
        if dropsPaste { return }
        let wasReturn = sawReturn
        sawReturn = byte == 0x0D
        switch byte {
        case 0x0D: emit(.pastedEnter)
        case 0x0A: if !wasReturn { emit(.pastedEnter) }
        default: text.append(byte)
        }
    }
}
