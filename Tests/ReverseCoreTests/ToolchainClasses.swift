@testable import ReverseCore

/// Finds the class of a scalar in the grapheme breaking of the running toolchain, by experiments.
struct ToolchainClasses {
    typealias Recognizer = Unicode._CharacterRecognizer

    private let afterLetter = after("a")
    private let afterPictograph = after("\u{1F600}")
    private let afterConsonant = after("\u{915}")
    private let afterLinkedConsonant = after("\u{915}", "\u{94D}")
    private let afterCarriageReturn = after("\r")
    private let afterHalfFlag = after("\u{1F1E6}")
    private let afterHangulL = after("\u{1100}")
    private let afterHangulLV = after("\u{AC00}")
    private let afterHangulLVT = after("\u{AC01}")

    func callAsFunction(_ scalar: Unicode.Scalar) -> GraphemeClass {
        if breaks([scalar, "\u{301}"]) { return control(scalar) }
        if !breaks([scalar], afterLetter) { return mark(scalar) }
        if !breaks([scalar, "a"]) { return .prepend }
        if !breaks([scalar], afterHalfFlag) { return .regionalIndicator }
        if !breaks([scalar, "\u{200D}", "\u{1F600}"]) { return .pictograph }
        if !breaks([scalar, "\u{94D}", "\u{915}"]) { return .consonant }
        return hangul(scalar) ?? .other
    }

    private func control(_ scalar: Unicode.Scalar) -> GraphemeClass {
        if !breaks([scalar], afterCarriageReturn) { return .lineFeed }
        return breaks([scalar, "\n"]) ? .control : .carriageReturn
    }

    private func mark(_ scalar: Unicode.Scalar) -> GraphemeClass {
        if !breaks([scalar, "\u{1F600}"], afterPictograph) { return .joiner }
        if !breaks([scalar, "\u{915}"], afterConsonant) { return .linker }
        if breaks([scalar, "\u{200D}", "\u{1F600}"], afterPictograph) { return .spacingMark }
        return breaks([scalar, "\u{915}"], afterLinkedConsonant) ? .nonJoiner : .extend
    }

    private func hangul(_ scalar: Unicode.Scalar) -> GraphemeClass? {
        let joinsVowel = !breaks([scalar, "\u{1161}"])
        let joinsTrailing = !breaks([scalar, "\u{11A8}"])
        if !breaks([scalar, "\u{1100}"]) { return .hangulL }
        if joinsVowel { return breaks([scalar], afterHangulLV) ? .hangulLV : .hangulV }
        if joinsTrailing { return breaks([scalar], afterHangulLVT) ? .hangulLVT : .hangulT }
        return nil
    }

    private func breaks(_ scalars: [Unicode.Scalar], _ before: Recognizer = Recognizer()) -> Bool {
        var recognizer = before
        var isBreak = true
        for scalar in scalars { isBreak = recognizer.hasBreak(before: scalar) }
        return isBreak
    }

    private static func after(_ scalars: Unicode.Scalar...) -> Recognizer {
        var recognizer = Recognizer()
        for scalar in scalars { _ = recognizer.hasBreak(before: scalar) }
        return recognizer
    }
}
