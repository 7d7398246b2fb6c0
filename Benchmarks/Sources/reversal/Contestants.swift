import Glibc
import ReverseCore

/// Something to measure on a corpus. A pass processes every line once.
protocol Contestant {
    mutating func prepare()
    mutating func pass()
}

/// reversed: in place, in a buffer with the alignment of the receive buffers of the server.
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

    /// The current lines, each followed by LF.
    var bytes: [UInt8] { buffer.withUnsafeBytes { Array($0[Self.aligned($0)].prefix(corpus.bytes.count)) } }

    /// Restores the original, because a pass reverses it.
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

/// `String(line.reversed())` of Swift. The strings are made before, and the results are not written anywhere; a server would have
/// to do both.
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

/// The limit: copies the same lines.
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
