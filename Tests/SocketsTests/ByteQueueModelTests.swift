import Sockets
import TestSupport
import Testing

@Suite struct ByteQueueModelTests {
    /// Compared with an array that does the same, through wraps, growth and shrinking.
    @Test(arguments: 0..<20) func itIsAQueue(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var queue = ByteQueue(keepsMemory: Bool.random(using: &generator))
        var model: [UInt8] = []
        var next: UInt8 = 0
        for _ in 0..<2000 {
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<5:
                let limit = Int.random(in: 0...40, using: &generator)
                let written = queue.append(atMost: limit, chunk: Int.random(in: 1...50, using: &generator)) {
                    space in
                    for index in space.indices {
                        space[index] = next
                        model.append(next)
                        next &+= 1
                    }
                    return space.count
                }
                #expect(written <= limit)
            case 5..<8:
                let amount = Int.random(in: 0...queue.count, using: &generator)
                queue.removeFirst(amount)
                model.removeFirst(amount)
            case 8:
                let amount = Int.random(in: 0...queue.count, using: &generator)
                queue.truncate(to: amount)
                model.removeLast(model.count - amount)
            default:
                queue.reserve(Int.random(in: 0...60, using: &generator))
            }
            let held = Array(queue.bytes(from: 0))
            #expect(held == model)
        }
    }
}
