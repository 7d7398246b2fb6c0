import Testing

@testable import CommandSupport

@Suite struct ArgumentsTests {
    private let arguments = Arguments([
        Array("-U".utf8), [0x73, 0xFF], Array("--".utf8), [0x2D, 0xFE], Array("é".utf8),
    ])

    @Test func whatIsUTF8IsGivenToTheParserAsItIs() {
        let given = arguments.forParser
        #expect(given[0] == "-U" && given[2] == "--" && given[4] == "é")
        #expect(given[1] != given[3])
    }

    @Test func bytesComeBackAsTheyWere() {
        let given = arguments.forParser
        #expect(arguments.bytes(of: [given[3], given[4]]) == [[0x2D, 0xFE], Array("é".utf8)])
    }

    @Test func aValueThatIsNotUTF8IsFound() {
        let given = arguments.forParser
        #expect(arguments.illFormed(outside: [given[3]]) == "s\\xff")
        #expect(arguments.illFormed(outside: [given[1], given[3]]) == nil)
    }

    @Test func anOptionThatIsNotUTF8IsFoundUnlessItIsAText() {
        #expect(arguments.illFormedOption == nil)
        #expect(Arguments([Array("-U".utf8) + [0xFF]]).illFormedOption == "-U\\xff")
    }

    @Test func aMessageShowsTheArgumentInsteadOfItsToken() {
        let given = arguments.forParser
        #expect(arguments.explained("no \(given[1])!") == "no s\\xff!")
        #expect(arguments.explained("no token") == "no token")
        #expect(arguments.explained("half \u{10FFFD}7") == "half \u{10FFFD}7")
    }
}
