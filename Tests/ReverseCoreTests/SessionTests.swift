import TestSupport
import Testing

@testable import ReverseCore

@Suite("A session")
struct SessionTests {
    @Test(
        "answers each line, terminator and all",
        arguments: [
            ("ADVANCE\n", "ECNAVDA\n"), ("a b\r\n", "b a\r\n"), ("\n", "\n"), ("\r\n", "\r\n"),
            ("\r\r\n", "\r\r\n"),
            ("one\ntwo\r\nthree\n", "eno\nowt\r\neerht\n"), ("a\u{301}b\n", "ba\u{301}\n"),
            ("\0x\n", "x\0\n"),
            ("last", "tsal"), ("one\nlast\r", "eno\n\rtsal"), ("", ""),
        ]
    )
    func lines(request: String, answer: String) {
        var owner = Owner(unit: .character)
        owner.receive(Array(request.utf8))
        owner.endOfFile()
        #expect(owner.sent == Array(answer.utf8))
        #expect(owner.ending == .endOfFile)
    }

    @Test("gives the same answers however the stream is cut", arguments: ReversalUnit.allCases)
    func cuts(unit: ReversalUnit) {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<60 {
            let stream = Self.stream(lines: 30, &random)
            let expected = Self.slowAnswers(stream, unit: unit)

            var atOnce = Owner(unit: unit)
            atOnce.receive(stream)
            atOnce.endOfFile()
            #expect(atOnce.sent == expected)

            var byteByByte = Owner(unit: unit)
            for byte in stream { byteByByte.receive([byte]) }
            byteByByte.endOfFile()
            #expect(byteByByte.sent == expected)
            #expect(byteByByte.requests == atOnce.requests)

            var inPieces = Owner(unit: unit)
            var rest = stream[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...50, using: &random))
                inPieces.receive(Array(piece))
                rest = rest.dropFirst(piece.count)
            }
            inPieces.endOfFile()
            #expect(inPieces.sent == expected)
        }
    }

    @Test("answers a thousand lines in one step")
    func thousandLines() {
        let lines = (0..<1000).map { Array("line \($0)\n".utf8) }
        var owner = Owner(unit: .byte)
        owner.receive(lines.flatMap { $0 })
        #expect(owner.requests == 1000)
        #expect(owner.sent == lines.flatMap { $0.dropLast().reversed() + [UInt8(ascii: "\n")] })
        #expect(owner.buffer.isEmpty)
    }

    @Test("keeps a partial line until its end comes")
    func partial() {
        var owner = Owner(unit: .character)
        owner.receive(Array("done\nhal".utf8))
        #expect(owner.sent == Array("enod\n".utf8))
        #expect(owner.buffer == Array("hal".utf8))
        owner.receive(Array("f\n".utf8))
        #expect(owner.sent == Array("enod\nflah\n".utf8))
    }

    @Test(
        "answers a line of exactly the limit",
        arguments: ["12345\n", "12345\r\n", "12345", "1234\r\n", "1234\r"]
    )
    func limit(line: String) {
        for cut in 0...line.utf8.count {
            var owner = Owner(unit: .byte, limit: 5)
            owner.receive(Array(line.utf8.prefix(cut)))
            owner.receive(Array(line.utf8.dropFirst(cut)))
            owner.endOfFile()
            #expect(owner.ending == .endOfFile)
            #expect(owner.sent.count == line.utf8.count)
        }
    }

    @Test(
        "ends before a line beyond the limit, after all that came before it",
        arguments: ["123456\n", "123456\r\n", "12345\rx\n", "12345\r\r\n", "123456", "12345\r", "1234567890"]
    )
    func beyondTheLimit(line: String) {
        let stream = Array("a\nb\r\n".utf8) + Array(line.utf8)
        for cut in 0...stream.count {
            var owner = Owner(unit: .byte, limit: 5)
            owner.receive(Array(stream.prefix(cut)))
            owner.receive(Array(stream.dropFirst(cut)))
            owner.endOfFile()
            #expect(owner.ending == .lineTooLong)
            #expect(owner.sent == Array("a\nb\r\n".utf8))
            #expect(owner.requests == 2)
        }
    }

    @Test("is refused as soon as an incomplete line is too long")
    func growing() {
        var owner = Owner(unit: .byte, limit: 5)
        for byte in "12345".utf8 { owner.receive([byte]) }
        #expect(owner.ending == nil)
        owner.receive([UInt8(ascii: "\r")])
        #expect(owner.ending == nil)
        owner.receive([UInt8(ascii: "\r")])
        #expect(owner.ending == .lineTooLong)
    }

    @Test("takes a new limit from the next step on")
    func newLimit() {
        var owner = Owner(unit: .byte, limit: 5)
        owner.receive(Array("12345".utf8))
        owner.session.maximumLineBytes = 8
        owner.receive(Array("678\n".utf8))
        #expect(owner.sent == Array("87654321\n".utf8))
        owner.session.maximumLineBytes = 2
        owner.receive(Array("123\n".utf8))
        #expect(owner.ending == .lineTooLong)
    }

    @Test("answers nothing once it has ended")
    func ended() {
        var owner = Owner(unit: .byte, limit: 1)
        owner.receive(Array("xx\n".utf8))
        owner.receive(Array("a\n".utf8))
        owner.endOfFile()
        #expect(owner.sent.isEmpty)
        #expect(owner.ending == .lineTooLong)
    }

    @Test("answers each chunk whole, 1,024 bytes at a time")
    func chunks() {
        let bytes = (0..<3000).map { UInt8(truncatingIfNeeded: $0) }
        var owner = Owner(unit: .byte, framing: .chunk, limit: 1)
        owner.receive(Array(bytes[..<10]))
        #expect(owner.sent == bytes[..<10].reversed())
        #expect(owner.requests == 1)
        owner.receive(Array(bytes[10...]))
        let first = Array(bytes[10..<1034].reversed())
        let second = Array(bytes[1034..<2058].reversed())
        #expect(Array(owner.sent.dropFirst(10)) == first + second + bytes[2058...].reversed())
        #expect(owner.requests == 4)
        owner.endOfFile()
        #expect(owner.ending == .endOfFile)
        #expect(owner.requests == 4)
    }

    @Test("reverses a chunk in its unit, newlines being like any other")
    func chunkUnits() {
        var owner = Owner(unit: .character, framing: .chunk)
        owner.receive(Array("né\n👨‍👩‍👧".utf8))
        #expect(owner.sent == Array("👨‍👩‍👧\nén".utf8))
    }
}

/// Manages the buffer as a connection does: sends the answered bytes at its front, keeps the rest.
private struct Owner {
    var session: Session
    var buffer: [UInt8] = []
    var sent: [UInt8] = []
    var requests = 0
    var ending: Session.Ending?

    init(unit: ReversalUnit, framing: Framing = .line, limit: Int = 1 << 20) {
        session = Session(framing: framing, unit: unit, maximumLineBytes: limit)
    }

    mutating func receive(_ bytes: [UInt8]) {
        buffer += bytes
        take(buffer.withUnsafeMutableBytes { session.received($0) })
    }

    mutating func endOfFile() {
        take(buffer.withUnsafeMutableBytes { session.receivedEndOfFile($0) })
    }

    private mutating func take(_ step: Session.Step) {
        sent += buffer[..<step.answered]
        buffer.removeFirst(step.answered)
        requests += step.requests
        ending = ending ?? step.ending
    }
}

extension SessionTests {
    /// Lines of all kinds; the last one may be unterminated.
    private static func stream(lines: Int, _ random: inout SeededGenerator) -> [UInt8] {
        let pieces = [
            "a", "Z", " ", "\r", "\0", "é", "e\u{301}", "я", "漢", "👨‍👩‍👧", "🇫🇷", "नि", "\u{200D}", "\r\r",
        ].map { Array($0.utf8) }
        let illFormed: [[UInt8]] = [[0xFF], [0xC0, 0xAF], [0xE2, 0x82], [0x80], [0xED, 0xA0, 0x80]]
        var bytes: [UInt8] = []
        for number in 1...lines {
            for _ in 0..<Int.random(in: 0...12, using: &random) {
                bytes +=
                    (Int.random(in: 0..<8, using: &random) == 0 ? illFormed : pieces).randomElement(
                        using: &random
                    ) ?? []
            }
            if number < lines || Bool.random(using: &random) {
                bytes += Bool.random(using: &random) ? [UInt8(ascii: "\n")] : Array("\r\n".utf8)
            }
        }
        return bytes
    }

    /// The answers by the simplest rule: split at every LF, remove a CR before it, reverse, put both back.
    private static func slowAnswers(_ stream: [UInt8], unit: ReversalUnit) -> [UInt8] {
        var answers: [UInt8] = []
        var line: [UInt8] = []
        for byte in stream {
            guard byte == UInt8(ascii: "\n") else {
                line.append(byte)
                continue
            }
            let hasReturn = line.last == UInt8(ascii: "\r")
            if hasReturn { line.removeLast() }
            answers += unit.reversed(line) + (hasReturn ? Array("\r\n".utf8) : [byte])
            line = []
        }
        return answers + unit.reversed(line)
    }
}
