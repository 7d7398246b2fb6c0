/// The kinds of text for the measurements.
enum Text: String, CaseIterable {
    case ascii, latin, cyrillic, cjk, devanagari, khmer, myanmar, emoji
    case illFormed = "ill-formed"
    case random

    /// The words of the lines. Ill-formed lines are Latin ones with damaged bytes; random lines have no words.
    private var words: [String] {
        switch self {
        case .ascii:
            [
                "the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "42", "servers",
                "answer,", "GET", "x=1;",
            ]
        case .latin, .illFormed:
            [
                "garçon", "déjà", "vu", "naïve", "Übergröße", "señor", "mañana", "ação", "coração", "fjörður",
                "smörgåsbord", "the", "and", "très",
            ]
        case .cyrillic:
            [
                "съешь", "же", "ещё", "этих", "мягких", "французских", "булок", "да", "выпей", "чаю",
                "сервер", "ответит", "всем",
            ]
        case .cjk:
            ["天地玄黄", "宇宙洪荒", "日月盈昃", "辰宿列张", "寒来暑往", "秋收冬藏", "いろは", "にほへと", "カタカナ", "서버가", "대답한다"]
        case .devanagari:
            ["क्षत्रिय", "नमस्ते", "दुनिया", "हिन्दी", "में", "लिखा", "हुआ", "विद्यार्थी", "ज्ञान", "संस्कृत", "श्री", "कृष्ण"]
        case .khmer:
            ["ភាសាខ្មែរ", "កម្ពុជា", "ស្ត្រី", "ខ្ញុំ", "ស្រឡាញ់", "ប្រទេស", "សួស្តី", "អរគុណ", "ព្រះ", "រាជាណាចក្រ", "សាលារៀន", "ផ្លូវ"]
        case .myanmar:
            [
                "မြန်မာ", "မင်္ဂလာပါ", "ဘာသာစကား", "ကျေးဇူးတင်ပါတယ်", "ဗုဒ္ဓ", "သတ္တဝါ", "ဆရာ", "စာအုပ်", "ပြည်ထောင်စု", "အိန္ဒိယ",
                "ရန်ကုန်", "ကမ္ဘာ",
            ]
        case .emoji:
            ["👨‍👩‍👧‍👦", "🇫🇷", "🇯🇵", "👍🏽", "❤️", "😀", "🏳️‍🌈", "👩🏾‍🚀", "1️⃣", "🎉", "ok", "é", "🧑‍💻"]
        case .random: []
        }
    }

    /// Lines of at most `length` bytes, each followed by LF, with at most `bytes` bytes in total.
    func corpus(bytes: Int, lineLength length: Int) -> Corpus {
        var random = SplitMix64(state: 0x5EED)
        var corpus = Corpus()
        while corpus.bytes.count + length + 1 <= bytes || corpus.lines.isEmpty {
            corpus.append(line: line(length: length, random: &random))
        }
        return corpus
    }

    private func line(length: Int, random: inout SplitMix64) -> [UInt8] {
        switch self {
        case .random:
            return (0..<length).map { _ in
                let byte = UInt8(truncatingIfNeeded: random.next())
                return byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") ? 0 : byte
            }
        case .illFormed:
            var line = sentence(length: length, random: &random)
            for _ in 0..<max(1, line.count / 20) {
                line[Int(random.next() % UInt64(line.count))] =
                    [0x80, 0xC3, 0xE2, 0xF0, 0xFF][Int(random.next() % 5)]
            }
            return line
        default:
            return sentence(length: length, random: &random)
        }
    }

    private func sentence(length: Int, random: inout SplitMix64) -> [UInt8] {
        let words = words.map { Array($0.utf8) }
        let separator = self == .cjk || self == .emoji ? [] : [UInt8(ascii: " ")]
        var line: [UInt8] = []
        while true {
            let word = words[Int(random.next() % UInt64(words.count))] + separator
            if line.count + word.count > length { break }
            line += word
        }
        // The rest is too short for most words. Fill it, so that all ASCII lines have the same length.
        if self == .ascii { line += Array(repeating: UInt8(ascii: "z"), count: length - line.count) }
        return line
    }
}

/// Lines in one piece of memory, as a receive buffer holds them.
struct Corpus {
    /// The lines, each followed by LF.
    private(set) var bytes: [UInt8] = []
    /// Where each line is, without its LF.
    private(set) var lines: [Range<Int>] = []

    mutating func append(line: [UInt8]) {
        lines.append(bytes.count..<bytes.count + line.count)
        bytes += line
        bytes.append(UInt8(ascii: "\n"))
    }
}

/// Steele, Lea and Flood's generator: the same texts in every run.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
