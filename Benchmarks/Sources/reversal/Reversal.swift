import ArgumentParser
import Foundation
import ReverseCore

@main
struct Reversal: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures reversal without a server, and writes the texts for the measurements.",
        subcommands: [Measure.self, Write.self]
    )
}

extension Text: ExpressibleByArgument {}
extension ReversalUnit: @retroactive ExpressibleByArgument {}

/// Measures reversed, String.reversed() and memcpy in turn, in several rounds, and prints a JSON object.
struct Measure: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints MB/s of each contestant and round as JSON."
    )

    /// Fits into the second-level cache, as a receive buffer of the server does.
    private static let workingSet = 256 << 10

    @Option(help: "A kind of text.")
    var text: Text

    @Option(help: "Bytes in a line, at most.")
    var length = 80

    @Option(help: "How many rounds.")
    var rounds = 5

    @Option(help: "Seconds for each contestant in a round.")
    var seconds = 0.05

    @Option(help: "What stays whole.")
    var unit = ReversalUnit.character

    func validate() throws {
        guard (8...1 << 20).contains(length) else { throw ValidationError("--length is 8 to 1048576") }
        guard (1...1000).contains(rounds) else { throw ValidationError("--rounds is 1 to 1000") }
        guard (0.001...10).contains(seconds) else { throw ValidationError("--seconds is 0.001 to 10") }
    }

    private struct Result: Encodable {
        let text: String
        let length: Int
        let bytes: Int
        /// MB/s, one for each round, in the same order.
        var reversed: [Double] = []
        var string: [Double] = []
        var memcpy: [Double] = []
    }

    func run() throws {
        let corpus = text.corpus(bytes: max(Self.workingSet, 2 * length), lineLength: length)
        var ours = InPlace(unit: unit, corpus: corpus)
        var swift = StringReversed(corpus: corpus)
        var limit = Copy(corpus: corpus)
        var result = Result(text: text.rawValue, length: length, bytes: corpus.bytes.count)
        try check(ours)
        for _ in 0..<rounds {
            result.reversed.append(speed(&ours, bytes: corpus.bytes.count))
            result.string.append(speed(&swift, bytes: corpus.bytes.count))
            result.memcpy.append(speed(&limit, bytes: corpus.bytes.count))
        }
        print(String(decoding: try JSONEncoder().encode(result), as: UTF8.self))
    }

    private func speed(_ contestant: inout some Contestant, bytes: Int) -> Double {
        let clock = ContinuousClock()
        var spent = Duration.zero
        var passes = 0
        while spent < .seconds(seconds) {
            contestant.prepare()
            let began = clock.now
            contestant.pass()
            spent += clock.now - began
            passes += 1
        }
        return Double(bytes * passes) / (spent / .seconds(1)) / 1e6
    }

    /// Checks the result, because the speed of a wrong one means nothing.
    private func check(_ ours: InPlace) throws {
        guard unit == .character, text != .illFormed, text != .random else { return }
        var ours = ours
        ours.prepare()
        ours.pass()
        guard ours.bytes == text.answers(to: ours.corpus) else { throw ValidationError("reversal is wrong") }
    }
}

extension Text {
    /// The lines of `corpus` reversed, each followed by LF, as `String` of Swift does it, except for the scripts whose conjuncts it
    /// splits.
    func answers(to corpus: Corpus) -> [UInt8] {
        corpus.lines.flatMap { line in
            let text = String(decoding: corpus.bytes[line], as: UTF8.self)
            let isKnownToString = self != .khmer && self != .myanmar
            let reversed =
                isKnownToString ? String(text.reversed()) : GraphemeCluster.split(text).reversed().joined()
            return Array(reversed.utf8) + [UInt8(ascii: "\n")]
        }
    }
}

/// Files for `rev`, `reverse-client` and the load generator.
struct Write: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes lines of a kind of text, and their answers if a file for them is given."
    )

    @Argument(help: "A kind of text.")
    var text: Text

    @Argument(help: "The file of the lines.")
    var requests: String

    @Option(help: "The file of their answers; for well-formed text only.")
    var answers: String?

    @Option(help: "Bytes in all, at most.")
    var bytes = 1 << 20

    @Option(help: "Bytes in a line, at most.")
    var length = 80

    func validate() throws {
        guard answers == nil || (text != .illFormed && text != .random) else {
            throw ValidationError("a String cannot hold ill-formed text: there are no answers to write")
        }
        guard (8...1 << 20).contains(length), (16...1 << 32).contains(bytes) else {
            throw ValidationError("--length is 8 to 1048576, --bytes 16 to 4 GiB")
        }
    }

    func run() throws {
        let megabyte = text.corpus(bytes: min(bytes, 1 << 20), lineLength: length)
        try repeated(megabyte.bytes, to: requests)
        if let answers { try repeated(text.answers(to: megabyte), to: answers) }
    }

    /// Repeats a mebibyte of different lines.
    private func repeated(_ lines: [UInt8], to path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let file = FileHandle(forWritingAtPath: path)
        else { throw ValidationError("cannot write \(path)") }
        for _ in 0..<max(1, bytes / lines.count) { try file.write(contentsOf: Data(lines)) }
        try file.close()
    }
}
