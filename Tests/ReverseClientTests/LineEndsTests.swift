import Testing

@testable import ReverseClient

@Suite struct LineEndsTests {
    private func compare(_ request: [UInt8], _ answer: [UInt8]) -> LineEnds.Comparison {
        var ends = LineEnds()
        return request.withUnsafeBytes { request in
            answer.withUnsafeBytes { answer in ends.compare(request, answer) }
        }
    }

    @Test(arguments: [0, 1, 31, 32, 33, 64, 65, 1000, 300 * 32 + 5])
    func equalEndsAgreeAndAreCounted(length: Int) {
        let request = (0..<length).map { $0 % 7 == 6 ? UInt8(0x0A) : UInt8(truncatingIfNeeded: $0 | 0x80) }
        let result = compare(request, request.map { $0 == 0x0A ? $0 : $0 ^ 0x55 })
        #expect(result.agreeing == length)
        #expect(result.lines == request.count { $0 == 0x0A })
    }

    @Test func everyPlaceOfAWrongByteIsFound() {
        let request = [UInt8](repeating: 0x41, count: 150)
        for position in 0..<150 {
            var answer = request
            answer[position] = 0x0A
            #expect(compare(request, answer).agreeing == position)
            #expect(compare(answer, request).agreeing == position)
        }
    }

    @Test func everyPlaceOfAMissingCarriageReturnIsFound() {
        for position in 0..<149 {
            var request = [UInt8](repeating: 0x41, count: 150)
            request[position] = 0x0D
            request[position + 1] = 0x0A
            var answer = request
            #expect(compare(request, answer).agreeing == 150)
            answer[position] = 0x42
            #expect(compare(request, answer).agreeing == position)
        }
    }

    @Test func aCarriageReturnAtTheEndOfAPieceIsRemembered() {
        var ends = LineEnds()
        func compare(_ request: [UInt8], _ answer: [UInt8]) -> Int {
            request.withUnsafeBytes { request in
                answer.withUnsafeBytes { ends.compare(request, $0).agreeing }
            }
        }
        #expect(compare([0x61, 0x0D], [0x61, 0x62]) == 2)
        #expect(compare([0x0A], [0x0A]) == 0)
        ends = LineEnds()
        #expect(compare([0x61, 0x0D], [0x0D, 0x61]) == 2)
        #expect(compare([0x62], [0x62]) == 1)
    }

    @Test func neighboursOfLineFeedAreNoLineEnds() {
        // Every byte value against every other: only LF is LF.
        for asked in UInt8.min...UInt8.max {
            let request = [UInt8](repeating: asked, count: 70)
            for came in [UInt8(0x0A), 0x0B, 0x09, 0x8A, 0x00, 0xFF, 0x7F, 0x80] {
                let agrees = (asked == 0x0A) == (came == 0x0A)
                #expect(compare(request, [UInt8](repeating: came, count: 70)).agreeing == (agrees ? 70 : 0))
            }
        }
    }

    @Test func firstAndLastAreFoundAtEveryPlace() {
        for length in [1, 31, 32, 33, 100] {
            var bytes = [UInt8](repeating: 0x8A, count: length)
            bytes.withUnsafeBytes {
                #expect(LineEnds.first(in: $0) == nil)
                #expect(LineEnds.last(in: $0) == nil)
            }
            for position in 0..<length {
                bytes[position] = 0x0A
                bytes.withUnsafeBytes {
                    #expect(LineEnds.last(in: $0) == position)
                    #expect(LineEnds.first(in: $0) == 0)
                }
            }
        }
    }
}
