import Testing

@testable import ReverseClient

@Suite struct ByteRingTests {
    /// Held against an array that does the same, through wraps, growth and cuts.
    @Test(arguments: 0..<20) func itIsAQueue(seed: UInt64) {
        var generator = SeededGenerator(state: seed)
        var ring = ByteRing(capacity: Int.random(in: 1...50, using: &generator))
        var model: [UInt8] = []
        var next: UInt8 = 0
        for _ in 0..<2000 {
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<5:
                let limit = Int.random(in: 0...40, using: &generator)
                let written = ring.append(atMost: limit) { space in
                    for index in space.indices {
                        space[index] = next
                        model.append(next)
                        next &+= 1
                    }
                    return space.count
                }
                #expect(written <= limit)
            case 5..<8:
                let amount = Int.random(in: 0...ring.count, using: &generator)
                ring.drop(amount)
                model.removeFirst(amount)
            case 8:
                let amount = Int.random(in: 0...ring.count, using: &generator)
                ring.keepFirst(amount)
                model.removeLast(model.count - amount)
            default:
                if ring.capacity < 500 { ring.grow(to: ring.capacity + 7) }
            }
            var held: [UInt8] = []
            while held.count < ring.count { held += Array(ring.stretch(at: held.count)) }
            #expect(held == model)
        }
    }
}
