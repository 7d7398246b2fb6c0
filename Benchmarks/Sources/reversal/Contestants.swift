import Glibc
import ReverseCore

/// One way to spend time on a corpus. A pass handles every line once.
protocol Contestant {
    mutating func prepare()
    mutating func pass()
}

/// Ours: in place, in a buffer that is aligned as the server's receive buffers are.
struct InPlace: Contestant {
    private static let alignment = 64

    let unit: ReversalUnit
    let corpus: Corpus
    private var buffer: [UInt8]

    init(unit: ReversalUnit, corpus: Corpus) {
        self.unit = unit
        self.corpus = corpus
        buffer = Array(repeating: 0, count: corpus.bytes.count + InPlace.alignment)
    }

    /// The lines as they are now, each followed by LF.
    var bytes: [UInt8] { buffer.withUnsafeBytes { Array($0[Self.aligned($0)].prefix(corpus.bytes.count)) } }

    /// A reversed text is not the same text: each pass begins with the original.
    mutating func prepare() {
        buffer.withUnsafeMutableBytes { bytes in
            let aligned = Self.aligned(UnsafeRawBufferPointer(bytes))
            UnsafeMutableRawBufferPointer(rebasing: bytes[aligned]).copyBytes(from: corpus.bytes)
        }
    }

    mutating func pass() {
        buffer.withUnsafeMutableBytes { bytes in
            let aligned = UnsafeMutableRawBufferPointer(
                rebasing: bytes[Self.aligned(UnsafeRawBufferPointer(bytes))]
            )
            for line in corpus.lines { unit.reverse(UnsafeMutableRawBufferPointer(rebasing: aligned[line])) }
        }
    }

    private static func aligned(_ bytes: UnsafeRawBufferPointer) -> Range<Int> {
        -Int(bitPattern: bytes.baseAddress) & (alignment - 1)..<bytes.count
    }
}

/// Swift's own: `String(line.reversed())`. The strings are made beforehand and the results are not written
/// anywhere, which a server would have to do as well.
struct StringReversed: Contestant {
    private let lines: [String]

    init(corpus: Corpus) {
        lines = corpus.lines.map { String(decoding: corpus.bytes[$0], as: UTF8.self) }
    }

    mutating func prepare() {}

    mutating func pass() {
        for line in lines { discard(String(line.reversed())) }
    }

    @inline(never)
    private func discard(_ line: String) {}
}

/// The limit: the same lines copied somewhere else.
struct Copy: Contestant {
    let corpus: Corpus
    private var target: [UInt8]

    init(corpus: Corpus) {
        self.corpus = corpus
        target = corpus.bytes
    }

    mutating func prepare() {}

    mutating func pass() {
        corpus.bytes.withUnsafeBytes { source in
            target.withUnsafeMutableBytes { target in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                for line in corpus.lines { memcpy(to + line.lowerBound, from + line.lowerBound, line.count) }
            }
        }
    }
}
