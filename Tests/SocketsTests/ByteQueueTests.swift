import Testing

@testable import Sockets

@Suite("A queue of bytes")
struct ByteQueueTests {
    @Test("keeps bytes, drops them from the front, and gives its memory back")
    func keepsAndDrops() {
        var queue = ByteQueue()
        let isFree = queue.isEmpty && queue.bytesAndSpare.count == 0 && queue.bytes.count == 0
        #expect(isFree)
        queue.replace([1, 2, 3, 4, 5])
        check(array(queue), [1, 2, 3, 4, 5])
        queue.removeFirst(2)
        check(array(queue), [3, 4, 5])
        queue.removeFirst(0)
        let count = queue.count
        #expect(count == 3)
        queue.replace([9])
        check(array(queue), [9])
        queue.removeFirst(1)
        let isGone = queue.isEmpty && queue.bytes.baseAddress == nil
        #expect(isGone)
        queue.replace([])
        queue.removeAll()
        let isEmpty = queue.isEmpty && queue.bytes.baseAddress == nil
        #expect(isEmpty)
    }

    @Test("grows by bytes received after those held")
    func grows() {
        var queue = ByteQueue()
        var expected: [UInt8] = []
        for size in [1, 100, 5000, 3, 70_000] {
            queue.reserve(size)
            let spare = queue.bytesAndSpare.count - queue.count
            #expect(spare >= size)
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 + size) }
            UnsafeMutableRawBufferPointer(rebasing: queue.bytesAndSpare[queue.count...]).copyBytes(
                from: bytes
            )
            queue.commit(size)
            expected += bytes
        }
        check(array(queue), expected)
        queue.removeFirst(74_000)
        check(array(queue), Array(expected.dropFirst(74_000)))
    }

    @Test("grows only up to its limit, and reports if the system has no memory")
    func growsWithin() {
        var queue = ByteQueue()
        queue.replace(Array(repeating: 1, count: 100_000))
        let isReserved = queue.tryReserve(1000, atMost: 101_000)
        let capacity = queue.capacity
        #expect(isReserved && capacity == 101_000)
        let isImpossible = queue.tryReserve(1 << 60)
        let (count, size) = (queue.count, queue.capacity)
        #expect(!isImpossible && count == 100_000 && size == 101_000)
    }

    @Test("returns memory when far less is needed")
    func shrinks() {
        var queue = ByteQueue()
        queue.reserve(1 << 20)
        queue.commit(1 << 20)
        queue.removeFirst((1 << 20) - 10)
        let (count, spare) = (queue.count, queue.bytesAndSpare.count)
        #expect(count == 10 && spare < 4096)
    }

    @Test("returns memory when a little data replaces much")
    func shrinksOnReplacement() {
        var queue = ByteQueue()
        queue.replace(Array(repeating: 1, count: 1 << 20))
        queue.replace([1, 2])
        let spare = queue.bytesAndSpare.count
        #expect(spare <= 4096)
        check(array(queue), [1, 2])
    }

    @Test("is contiguous after any sequence of appends and removals")
    func contiguous() {
        var queue = ByteQueue()
        var expected: [UInt8] = []
        var next: UInt8 = 0
        for step in 0..<3000 {
            let bytes = (0..<(step * 37 % 701)).map { _ in
                next &+= 1
                return next
            }
            bytes.withUnsafeBytes { queue.append($0) }
            expected += bytes
            let removed = min(step * 53 % 700, expected.count)
            queue.removeFirst(removed)
            expected.removeFirst(removed)
            guard step % 50 == 0 else { continue }
            check(array(queue), expected)
            let isInside = queue.bytesAndSpare.count >= queue.count
            #expect(isInside)
        }
    }

    @Test("moves no bytes when many small pieces are taken from a large queue")
    func takesInLinearTime() {
        var queue = ByteQueue()
        let size = 1 << 20
        queue.replace((0..<size).map { UInt8(truncatingIfNeeded: $0) })
        var moves = 0
        var movedBytes = 0
        for step in 1...(size / 16) {
            let next = queue.bytes.baseAddress.map { $0 + 16 }
            queue.removeFirst(16)
            guard !queue.isEmpty, queue.bytes.baseAddress != next else { continue }
            moves += 1
            movedBytes += queue.count
            let first = queue.bytes[0]
            #expect(first == UInt8(truncatingIfNeeded: step * 16))
        }
        // The memory shrinks a few times meanwhile, each time to far less than half.
        #expect(moves < 20)
        #expect(movedBytes < size / 4)
    }

    @Test("moves each byte a few times at most when it is filled as fast as it is emptied")
    func movesInLinearTime() {
        var queue = ByteQueue()
        let piece = [UInt8](repeating: 7, count: 1000)
        queue.replace(Array(repeating: 7, count: 100_000))
        var movedBytes = 0
        for _ in 0..<10_000 {
            let before = queue.bytes.baseAddress
            piece.withUnsafeBytes { queue.append($0) }
            if queue.bytes.baseAddress != before { movedBytes += queue.count }
            queue.removeFirst(1000)
        }
        let count = queue.count
        #expect(count == 100_000)
        // Ten million bytes have gone through.
        #expect(movedBytes < 30_000_000)
        let size = queue.bytesAndSpare.count
        #expect(size <= 400_000)
    }
}

private func check(_ bytes: [UInt8], _ expected: [UInt8], at location: SourceLocation = #_sourceLocation) {
    #expect(bytes == expected, sourceLocation: location)
}

private func array(_ queue: borrowing ByteQueue) -> [UInt8] { Array(queue.bytes) }

extension ByteQueue {
    fileprivate mutating func replace(_ bytes: [UInt8]) {
        _ = bytes.withUnsafeBytes { tryReplace(with: $0) }
    }
}
