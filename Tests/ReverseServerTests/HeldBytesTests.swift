import Testing

@testable import ReverseServer

@Suite("Held bytes")
struct HeldBytesTests {
    @Test("are kept, dropped from the front and given back")
    func keepsAndDrops() {
        var held = HeldBytes()
        let isFree = held.isEmpty && held.spare.count == 0
        #expect(isFree)
        held.keep([1, 2, 3, 4, 5])
        check(array(held), [1, 2, 3, 4, 5])
        held.removePrefix(2)
        check(array(held), [3, 4, 5])
        held.removePrefix(0)
        let count = held.count
        #expect(count == 3)
        held.keep([9])
        check(array(held), [9])
        held.removePrefix(1)
        let isGone = held.isEmpty && held.bytes.baseAddress == nil
        #expect(isGone)
        held.keep([])
        held.free()
        let isEmpty = held.isEmpty
        #expect(isEmpty)
    }

    @Test("grow by what is received behind them")
    func grows() {
        var held = HeldBytes()
        var expected: [UInt8] = []
        for size in [1, 100, 5000, 3, 70_000] {
            held.reserve(size)
            let spare = held.spare.count
            #expect(spare >= size)
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 + size) }
            held.spare.copyBytes(from: bytes)
            held.commit(size)
            expected += bytes
        }
        check(array(held), expected)
        held.removePrefix(74_000)
        check(array(held), Array(expected.dropFirst(74_000)))
    }

    @Test("give back memory that far more was needed for")
    func shrinks() {
        var held = HeldBytes()
        held.reserve(1 << 20)
        held.commit(1 << 20)
        held.removePrefix((1 << 20) - 10)
        let (count, spare) = (held.count, held.spare.count)
        #expect(count == 10 && spare < 4096)
    }
}

private func check(_ bytes: [UInt8], _ expected: [UInt8], at location: SourceLocation = #_sourceLocation) {
    #expect(bytes == expected, sourceLocation: location)
}

private func array(_ held: borrowing HeldBytes) -> [UInt8] { Array(held.bytes) }

extension HeldBytes {
    fileprivate mutating func keep(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { replace(with: $0) }
    }
}
