/// The class of a scalar in grapheme cluster segmentation (UAX #29): a combination of Grapheme_Cluster_Break,
/// Indic_Conjunct_Break and Extended_Pictographic, for the combinations that exist.
///
/// The raw value is the letter of the class in `GraphemeClassTable`.
enum GraphemeClass: UInt8, CaseIterable {
    /// Scalars that no rule mentions: letters, digits, ideographs, punctuation.
    case other = 0x2E  // .
    /// Control characters and format characters: always a cluster by themselves.
    case control = 0x43  // C
    /// U+000D.
    case carriageReturn = 0x52  // R
    /// U+000A.
    case lineFeed = 0x46  // F
    /// Combining marks, emoji modifiers, variation selectors, tags: no boundary before them.
    case extend = 0x45  // E
    /// An extend that is not InCB=Extend, and so ends a conjunct: U+200C.
    case nonJoiner = 0x4F  // O
    /// U+200D.
    case joiner = 0x4A  // J
    /// The viramas that join two consonants to a conjunct (InCB=Linker). All are extends.
    case linker = 0x4B  // K
    /// Vowel signs with a width: no boundary before them.
    case spacingMark = 0x53  // S
    /// Marks without a boundary after them.
    case prepend = 0x50  // P
    /// The halves of flags.
    case regionalIndicator = 0x49  // I
    /// Hangul leading consonant.
    case hangulL = 0x4C  // L
    /// Hangul vowel, or a vowel of Kirat Rai that composes like one.
    case hangulV = 0x56  // V
    /// Hangul trailing consonant.
    case hangulT = 0x54  // T
    /// Hangul syllable without a trailing consonant.
    case hangulLV = 0x47  // G
    /// Hangul syllable with a trailing consonant.
    case hangulLVT = 0x48  // H
    /// Pictographs, which U+200D joins to one emoji.
    case pictograph = 0x58  // X
    /// Indic consonants, which a linker joins to one conjunct.
    case consonant = 0x51  // Q
}

extension GraphemeClass {
    /// The number of values that `code(of:)` can return.
    static let codeCount = 32

    /// The class as a small number: the low five bits of its letter, which differ from class to class.
    var code: Int { Int(rawValue & 0x1F) }

    /// The code of the class of `scalar`.
    ///
    /// - Precondition: `scalar` is at most 0x10FFFF. Then the index has an entry for `scalar >> 8`, and that entry is a block of
    ///   256 letters in `blocks` (`GraphemeClassTableTests` checks every scalar).
    @inline(__always)
    static func code(of scalar: UInt32) -> Int {
        let block = unsafe GraphemeClassTable.index.utf8Start[Int(scalar >> 8)]
        let letter = unsafe GraphemeClassTable.blocks.utf8Start[Int(block) << 8 | Int(scalar & 0xFF)]
        return Int(letter & 0x1F)
    }
}
