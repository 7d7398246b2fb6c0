/// A queue of bytes.
struct Bytes {
    private var storage: [UInt8] = []
    private var head = 0

    var count: Int { storage.count - head }
    var isEmpty: Bool { count == 0 }

    mutating func append(_ bytes: some Collection<UInt8>) { storage.append(contentsOf: bytes) }

    /// The first bytes, without taking them.
    func first(_ most: Int) -> ArraySlice<UInt8> { storage[head..<head + min(most, count)] }

    mutating func drop(_ taken: Int) {
        head += min(taken, count)
        if head == storage.count {
            storage.removeAll(keepingCapacity: true)
            head = 0
        } else if head > 4096, head > storage.count / 2 {
            storage.removeFirst(head)
            head = 0
        }
    }

    mutating func take(_ most: Int) -> [UInt8] {
        let taken = Array(first(most))
        drop(taken.count)
        return taken
    }

    mutating func removeAll() {
        storage = []
        head = 0
    }
}
