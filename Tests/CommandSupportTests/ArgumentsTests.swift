import Sockets
import Testing

@testable import CommandSupport

@Suite struct ArgumentsTests {
    @Test func argumentsComeBackAsTheyWere() {
        let given: [[UInt8]] = [Array("-U".utf8), [0x73, 0xFF], Array("é".utf8), []]
        let arguments = Arguments(given)
        #expect(arguments.forParser[0] == "-U" && arguments.forParser[2] == "é")
        #expect(arguments.forParser.map(ByteText.bytes) == given)
    }

    @Test func theProcessHasArgumentsOfItsOwn() {
        // The test runner has some arguments.
        #expect(Arguments.ofProcess.forParser.isEmpty == false)
    }
}
