import TestSupport

@testable import ReverseCore

/// Generates texts in which everything that makes breaking difficult is next to everything else.
struct TextCorpus {
    private var generator: SeededGenerator

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    /// A text of a few pieces; sometimes most of it is of one kind, as in real texts.
    mutating func text() -> String {
        let favourite = generator.pick(Piece.allCases)
        let favours = generator.number(0...3)
        var text = ""
        for _ in 0..<generator.number(0...generator.pick([3, 12, 60])) {
            text.unicodeScalars += piece(
                generator.number(0...3) < favours ? favourite : generator.pick(Piece.allCases)
            )
        }
        return text
    }

    /// A text in which each scalar has a random class, so that any class may follow any other.
    mutating func mixedText() -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<generator.number(0...generator.pick([6, 40])) {
            text.append(generator.pick(generator.pick(TextCorpus.scalarsByClass)))
        }
        return String(text)
    }

    /// A text with some bytes overwritten, removed or truncated.
    mutating func illFormedText() -> [UInt8] {
        var bytes = Array(text().utf8)
        for _ in 0..<generator.number(1...4) where !bytes.isEmpty {
            let position = generator.number(0...bytes.count - 1)
            switch generator.number(0...4) {
            case 0: bytes.remove(at: position)
            case 1: bytes.removeFirst(position)
            case 2: bytes.removeLast(position)
            case 3: bytes[position] = UInt8.random(in: 0...255, using: &generator)
            default: bytes.insert(contentsOf: generator.pick(TextCorpus.illFormed), at: position)
            }
        }
        return bytes
    }

    static let illFormed: [[UInt8]] = [
        [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xDF, 0x41], [0xE0, 0x80, 0x80],
        [0xE0, 0x9F, 0xBF],
        [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80], [0xE2, 0x82], [0xE2],
        [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80],
        [0xF5, 0x80, 0x80, 0x80],
        [0xF0, 0x9F, 0x98], [0xF0, 0x9F], [0xF0], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFE], [0xFF],
        [0xFE, 0xFF],
    ]

    private enum Piece: CaseIterable {
        case ascii, latin, cyrillic, han, hangulSyllables, hangulJamo, arabic, accented, conjunct, anyOfAClass
        case flags, emoji, modifiedEmoji, family, keycap, tagSequence, lineEnd, control, prepended, anyScalar,
            joiners
    }

    private mutating func piece(_ piece: Piece) -> [Unicode.Scalar] {
        switch piece {
        case .ascii: some(1...40, from: [" "..."~"])
        case .latin: some(1...20, from: ["a"..."z", "\u{A1}"..."\u{24F}", "\u{1E00}"..."\u{1EFF}"])
        case .cyrillic: some(1...20, from: ["\u{400}"..."\u{4FF}", " "..."."])
        case .han:
            some(1...20, from: ["\u{4E00}"..."\u{9FFF}", "\u{3000}"..."\u{30FF}", "\u{20000}"..."\u{20100}"])
        case .hangulSyllables: some(1...10, from: ["\u{AC00}"..."\u{D7A3}"])
        case .hangulJamo:
            some(
                1...8,
                from: [
                    "\u{1100}"..."\u{11FF}", "\u{A960}"..."\u{A97C}", "\u{D7B0}"..."\u{D7FB}",
                    "\u{AC00}"..."\u{AC40}",
                ]
            )
        case .arabic: some(1...20, from: ["\u{5D0}"..."\u{70F}"])
        case .accented:
            some(1...1, from: ["a"..."z"]) + some(1...generator.pick([2, 40]), from: ["\u{300}"..."\u{36F}"])
        case .conjunct: conjunct()
        case .anyOfAClass: [generator.pick(generator.pick(TextCorpus.scalarsByClass))]
        case .flags: some(1...9, from: ["\u{1F1E6}"..."\u{1F1FF}"])
        case .emoji: some(1...5, from: ["\u{1F300}"..."\u{1F64F}", "\u{2600}"..."\u{27BF}"])
        case .modifiedEmoji:
            ["\u{1F44D}"] + some(0...2, from: ["\u{1F3FB}"..."\u{1F3FF}", "\u{FE0E}"..."\u{FE0F}"])
        case .family: ["\u{1F468}", "\u{200D}", "\u{1F469}", "\u{1F3FD}", "\u{200D}", "\u{1F467}"]
        case .keycap: some(1...1, from: ["0"..."9"]) + ["\u{FE0F}", "\u{20E3}"]
        case .tagSequence: ["\u{1F3F4}"] + some(1...6, from: ["\u{E0061}"..."\u{E007F}"])
        case .lineEnd: generator.pick([["\r", "\n"], ["\n", "\r"], ["\r"], ["\r", "\r", "\n", "\n"]])
        case .control: some(1...3, from: ["\0"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}"..."\u{202E}"])
        case .prepended:
            some(1...3, from: ["\u{600}"..."\u{605}", "\u{110BD}"..."\u{110BD}", "\u{D4E}"..."\u{D4E}"])
        case .anyScalar: [generator.pick(allScalars)]
        case .joiners: some(1...4, from: ["\u{200B}"..."\u{200D}", "\u{FE0F}"..."\u{FE0F}"])
        }
    }

    private mutating func conjunct() -> [Unicode.Scalar] {
        let script = generator.pick(ConjunctTests.scripts)
        var scalars: [Unicode.Scalar] = []
        for _ in 0..<generator.number(1...4) {
            scalars.append(generator.pick(script.consonants))
            scalars += some(0...1, from: ["\u{200C}"..."\u{200D}", script.linker...script.linker])
            if generator.number(0...3) > 0 { scalars.append(script.linker) }
            scalars += some(
                0...1,
                from: ["\u{200C}"..."\u{200D}", "\u{93C}"..."\u{940}", "\u{300}"..."\u{301}"]
            )
        }
        return scalars
    }

    private mutating func some(
        _ count: ClosedRange<Int>,
        from ranges: [ClosedRange<Unicode.Scalar>]
    ) -> [Unicode.Scalar] {
        (0..<generator.number(count)).map { _ in
            let range = generator.pick(ranges)
            let value = UInt32.random(in: range.lowerBound.value...range.upperBound.value, using: &generator)
            return Unicode.Scalar(value) ?? range.lowerBound
        }
    }

    private static let scalarsByClass: [[Unicode.Scalar]] = Array(
        Dictionary(grouping: allScalars) { GraphemeClass.code(of: $0.value) }
            .sorted { $0.key < $1.key }
            .map(\.value)
    )
}
