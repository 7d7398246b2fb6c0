/// What a scalar is to grapheme cluster segmentation (UAX #29): Grapheme_Cluster_Break, Indic_Conjunct_Break and
/// Extended_Pictographic in one, for those combinations that scalars have.
///
/// The raw value is the letter that stands for the class in `GraphemeClassTable`.
enum GraphemeClass: UInt8, CaseIterable {
    /// Anything without a part in a rule: letters, digits, ideographs, punctuation.
    case other = 0x2E  // .
    /// Control characters and format characters: always a cluster by themselves.
    case control = 0x43  // C
    /// U+000D.
    case carriageReturn = 0x52  // R
    /// U+000A.
    case lineFeed = 0x46  // F
    /// Combining marks, emoji modifiers, variation selectors, tags: join what stands before.
    case extend = 0x45  // E
    /// An extend that is no InCB=Extend and so ends a conjunct: U+200C.
    case nonJoiner = 0x4F  // O
    /// U+200D.
    case joiner = 0x4A  // J
    /// The viramas that tie two consonants into a conjunct (InCB=Linker). All are extends.
    case linker = 0x4B  // K
    /// Vowel signs with a width of their own: join what stands before.
    case spacingMark = 0x53  // S
    /// Marks that join what stands after.
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
    /// Pictographs, which U+200D joins into one emoji.
    case pictograph = 0x58  // X
    /// Indic consonants, which a linker joins into one conjunct.
    case consonant = 0x51  // Q
}

extension GraphemeClass {
    /// How many numbers `code(of:)` can return.
    static let codeCount = 32

    /// The class as a small number: the low five bits of its letter, which differ from class to class.
    var code: Int { Int(rawValue & 0x1F) }

    /// The code of the class of `scalar`.
    ///
    /// - Precondition: `scalar` is at most 0x10FFFF; then the index has an entry for `scalar >> 8`, and that
    ///   entry names a block of 256 letters within `blocks` (`GraphemeClassTableTests` looks every scalar up).
    @inline(__always)
    static func code(of scalar: UInt32) -> Int {
        let block = GraphemeClassTable.index.utf8Start[Int(scalar >> 8)]
        let letter = GraphemeClassTable.blocks.utf8Start[Int(block) << 8 | Int(scalar & 0xFF)]
        return Int(letter & 0x1F)
    }
}
