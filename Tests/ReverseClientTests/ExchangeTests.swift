import TestSupport
import Testing

@testable import ReverseClient

@Suite struct ExchangeTests {
    @Test func aLineGoesOutAndItsAnswerComesBack() throws {
        var exchange = Exchange()
        exchange.connectionOpened()
        exchange.accept("ADVANCE\n")
        #expect(exchange.awaitsAnswer && exchange.hasUnsent && !exchange.hasOutput)
        #expect(exchange.unsent() == Array("ADVANCE\n".utf8))
        try exchange.receive("ECNA")
        #expect(exchange.hasOutput == false)
        try exchange.receive("VDA\n")
        #expect(exchange.output() == Array("ECNAVDA\n".utf8))
        #expect(exchange.linesAnswered == 1 && !exchange.awaitsAnswer && !exchange.isDone)
        exchange.endInput()
        #expect(exchange.isDone && exchange.hasSentAll)
    }

    @Test func aLineIsSentOnlyWhenItIsWhole() {
        var exchange = Exchange()
        exchange.connectionOpened()
        exchange.accept("one\ntw")
        #expect(exchange.unsent() == Array("one\n".utf8))
        exchange.accept("o\n")
        #expect(exchange.unsent() == Array("two\n".utf8))
    }

    @Test func anUnterminatedLastAnswerIsJudgedByItsLengthAtTheEnd() throws {
        var exchange = Exchange()
        exchange.connectionOpened()
        exchange.accept("ab\ncde")
        exchange.endInput()
        _ = exchange.unsent()
        try exchange.receive("ba\ned")
        #expect(exchange.isAnswered == false)
        try exchange.receive("c")
        #expect(exchange.isAnswered && !exchange.isDone)
        #expect(exchange.output() == Array("ba\n".utf8))
        exchange.connectionEnded()
        #expect(exchange.output() == Array("edc".utf8))
        #expect(exchange.isDone && exchange.linesAnswered == 2)
    }

    @Test func aHalfUnterminatedAnswerIsThrownAway() throws {
        var exchange = Exchange()
        exchange.connectionOpened()
        exchange.accept("cde")
        exchange.endInput()
        _ = exchange.unsent()
        try exchange.receive("ed")
        exchange.connectionEnded()
        #expect(!exchange.hasOutput && exchange.needsConnection)
        exchange.connectionOpened()
        #expect(exchange.unsent() == Array("cde".utf8))
    }

    @Test func afterALossTheLinesWithoutAnAnswerAreSentAgain() throws {
        var exchange = Exchange()
        exchange.connectionOpened()
        exchange.accept("one\ntwo\nthree\n")
        _ = exchange.unsent()
        try exchange.receive("eno\now")
        exchange.connectionEnded()
        #expect(exchange.output() == Array("eno\n".utf8))
        exchange.connectionOpened()
        #expect(exchange.unsent() == Array("two\nthree\n".utf8))
        try exchange.receive("owt\neerht\n")
        #expect(exchange.output() == Array("owt\neerht\n".utf8))
    }

    @Test func afterAConnectionWithoutAnyAnswerTheLinesGoOutOneByOne() throws {
        var exchange = Exchange()
        exchange.connectionOpened()
        exchange.accept("one\ntwo\nthree\nfour\n")
        _ = exchange.unsent()
        exchange.connectionEnded()
        exchange.connectionOpened()
        #expect(exchange.unsent() == Array("one\n".utf8))
        #expect(!exchange.hasUnsent && exchange.awaitsAnswer)
        #expect(exchange.oldestLineSent == 4)
        try exchange.receive("eno\n")
        #expect(exchange.unsent().starts(with: Array("two\n".utf8)))
    }

    @Test(arguments: [
        ("abc\n", "cb\n", Exchange.Mismatch.length(line: 1, came: 3, due: 4)),
        ("abc\n", "cbad\n", .tooLong(line: 1, due: 4)),
        ("a\nbc\n", "a\n\n", .length(line: 2, came: 1, due: 3)),
        ("a\r\n", "ax\n", .terminator(line: 1)),
        ("a\r\n", "a\n", .length(line: 1, came: 2, due: 3)),
        ("a\n", "a\nb\n", .unasked(afterLine: 1)),
        ("", "b", .unasked(afterLine: 0)),
    ])
    func wrongAnswers(line: String, wrong: String, expected: Exchange.Mismatch) {
        // One byte at a time, all at once.
        for step in [1, 100] {
            var exchange = Exchange()
            exchange.connectionOpened()
            exchange.accept(line)
            _ = exchange.unsent()
            #expect(throws: expected) {
                var bytes = Array(wrong.utf8)[...]
                while !bytes.isEmpty { try exchange.receive(&bytes, atMost: step) }
            }
        }
    }

    @Test func bytesBehindAnUnterminatedAnswerAreWrong() throws {
        var exchange = Exchange()
        exchange.connectionOpened()
        exchange.accept("abc")
        exchange.endInput()
        _ = exchange.unsent()
        try exchange.receive("cba")
        #expect(throws: Exchange.Mismatch.tooLong(line: 1, due: 3)) { try exchange.receive("x") }
    }

    @Test func anAnswerMayEndInCRLFWhereTheLineBeganWithCR() throws {
        for step in [1, 100] {
            var exchange = Exchange()
            exchange.connectionOpened()
            exchange.accept("\rab\n\r\r\n")
            _ = exchange.unsent()
            var bytes = answer(to: Array("\rab\n\r\r\n".utf8))[...]
            while !bytes.isEmpty { try exchange.receive(&bytes, atMost: step) }
            #expect(exchange.linesAnswered == 2)
        }
    }

    @Test func wholeAnswersBeforeAWrongOneCanBeWritten() {
        var exchange = Exchange()
        exchange.connectionOpened()
        exchange.accept("one\ntwo\n")
        _ = exchange.unsent()
        #expect(throws: Exchange.Mismatch.self) { try exchange.receive("eno\nx\n") }
        #expect(exchange.output() == Array("eno\n".utf8))
    }

    @Test func theWindowBoundsWhatIsHeldButALongLineMayExceedIt() throws {
        var exchange = Exchange(limits: .init(window: 100, output: 100, line: 1000))
        exchange.connectionOpened()
        var input = Array(repeating: UInt8(ascii: "a"), count: 60)[...] + [0x0A]
        input += Array(repeating: UInt8(ascii: "b"), count: 600) + [0x0A]
        while exchange.inputCapacity > 0 { exchange.accept(&input, atMost: 7) }
        #expect(exchange.bytesAccepted == 100)
        #expect(exchange.unsent().count == 61)
        var first = answer(to: Array(repeating: UInt8(ascii: "a"), count: 60) + [0x0A])[...]
        try exchange.receive(&first)
        var sent: [UInt8] = []
        while sent.count < 601 {
            while exchange.inputCapacity > 0 && !input.isEmpty { exchange.accept(&input, atMost: 7) }
            // No more input is read than the server takes.
            #expect(exchange.bytesAccepted <= 61 + sent.count + max(100, sent.count))
            let part = exchange.unsent()
            try #require(!part.isEmpty)
            sent += part
        }
        #expect(input.isEmpty && exchange.isLineTooLong == false)
        var second = sent[...]
        while !second.isEmpty {
            try exchange.receive(&second, atMost: 50)
            _ = exchange.output()
        }
        #expect(exchange.linesAnswered == 2)
    }

    @Test func aLineThatIsNotTakenIsNotReadFurther() {
        var exchange = Exchange(limits: .init(window: 10, output: 10, line: 50))
        var input = Array(repeating: UInt8(ascii: "a"), count: 60)[...]
        while exchange.inputCapacity > 0 { exchange.accept(&input) }
        #expect(exchange.bytesAccepted == 10 && exchange.isLineTooLong == false)
    }

    @Test func aLineBeyondTheLimitIsTold() {
        var exchange = Exchange(limits: .init(window: 10, output: 10, line: 50))
        exchange.connectionOpened()
        var input = Array(repeating: UInt8(ascii: "a"), count: 60)[...]
        while exchange.inputCapacity > 0 {
            exchange.accept(&input)
            _ = exchange.unsent()
        }
        #expect(exchange.isLineTooLong && input.count == 10)
    }

    @Test func answersAreNotTakenWhileTheOutputIsFull() throws {
        var exchange = Exchange(limits: .init(window: 1000, output: 8))
        exchange.connectionOpened()
        exchange.accept("abc\nabc\nabc\n")
        var answers = answer(to: exchange.unsent())[...]
        try exchange.receive(&answers)
        try exchange.receive(&answers)
        #expect(exchange.answerCapacity == 0 && answers.count == 4)
        _ = exchange.output(atMost: 1)
        #expect(exchange.answerCapacity == 1)
    }

    @Test func aPartOfALineThatIsLostIsHeldBackUntilTheLineHasGrown() throws {
        var exchange = Exchange(limits: .init(window: 10, output: 10, line: 1000))
        exchange.connectionOpened()
        var input = Array(repeating: UInt8(ascii: "a"), count: 200)[...]
        while exchange.inputCapacity > 0 { exchange.accept(&input) }
        let held = exchange.unsent().count
        #expect(held == 10)
        exchange.connectionEnded()
        #expect(!exchange.needsConnection && exchange.inputCapacity > 0)
        while !exchange.needsConnection { exchange.accept(&input, atMost: 3) }
        #expect(exchange.bytesAccepted >= 2 * held && exchange.bytesAccepted < 2 * held + 3)
        exchange.connectionOpened()
        _ = exchange.unsent()
        exchange.connectionEnded()
        // At the end of the line a connection is needed, for a line of any size.
        var end: ArraySlice<UInt8> = [0x0A]
        exchange.accept(&end)
        #expect(exchange.needsConnection && exchange.awaitsAnswer)
    }

    /// The output does not depend on the sizes of the pieces and on where the connection is lost.
    @Test(arguments: 0..<30) func theOutputDoesNotDependOnPiecesAndLosses(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let input = randomLines(Int.random(in: 0...25, using: &generator), using: &generator)
        let limits = Exchange.Limits(
            window: [1, 50, 4096, 1 << 20].randomElement(using: &generator) ?? 1,
            output: [1, 50, 4096].randomElement(using: &generator) ?? 1
        )
        let largest = [1, 3, 100, 100_000].randomElement(using: &generator) ?? 1
        var lossesLeft = [0, 20].randomElement(using: &generator) ?? 0
        var exchange = Exchange(limits: limits)
        var rest = input[...]
        var onTheWay: [UInt8] = []
        var answers: ArraySlice<UInt8> = []
        var output: [UInt8] = []
        exchange.connectionOpened()
        var steps = 0
        while !exchange.isDone {
            steps += 1
            try #require(steps < 500_000)
            let size = Int.random(in: 1...largest, using: &generator)
            exchange.accept(&rest, atMost: size)
            if rest.isEmpty { exchange.endInput() }
            onTheWay += exchange.unsent(atMost: size)
            // The server answers complete lines, and the rest after the end of file.
            if let last = onTheWay.lastIndex(of: 0x0A) {
                answers += answer(to: Array(onTheWay[...last]))
                onTheWay.removeFirst(last + 1)
            }
            if exchange.hasSentAll && !onTheWay.isEmpty {
                answers += answer(to: onTheWay)
                onTheWay = []
            }
            try exchange.receive(&answers, atMost: size)
            output += exchange.output(atMost: size)
            let isLost = lossesLeft > 0 && Int.random(in: 0...25, using: &generator) == 0
            if isLost { lossesLeft -= 1 }
            if isLost || (exchange.isAnswered && answers.isEmpty) {
                exchange.connectionEnded()
                onTheWay = []
                answers = []
                exchange.connectionOpened()
            }
        }
        #expect(output == answer(to: input))
    }
}
