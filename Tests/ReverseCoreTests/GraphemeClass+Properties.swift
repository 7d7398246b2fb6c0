import TestSupport

@testable import ReverseCore

extension GraphemeClass {
    /// The class of a scalar with these properties; nil if the rules in `GraphemeState` have no such class.
    init?(_ properties: ScalarProperties) {
        switch (properties.breaking, properties.conjunct, properties.isPictographic) {
        case (.other, .none, false): self = .other
        case (.other, .none, true): self = .pictograph
        case (.other, .consonant, false): self = .consonant
        case (.extend, .extend, false): self = .extend
        case (.extend, .none, false): self = .nonJoiner
        case (.extend, .linker, false): self = .linker
        case (.joiner, .extend, false): self = .joiner
        case (.control, .none, false): self = .control
        case (.carriageReturn, .none, false): self = .carriageReturn
        case (.lineFeed, .none, false): self = .lineFeed
        case (.spacingMark, .none, false): self = .spacingMark
        case (.prepend, .none, false): self = .prepend
        case (.regionalIndicator, .none, false): self = .regionalIndicator
        case (.hangulL, .none, false): self = .hangulL
        case (.hangulV, .none, false): self = .hangulV
        case (.hangulT, .none, false): self = .hangulT
        case (.hangulLV, .none, false): self = .hangulLV
        case (.hangulLVT, .none, false): self = .hangulLVT
        default: return nil
        }
    }
}
