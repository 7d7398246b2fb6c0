import Synchronization
import Testing

@testable import DispatchServer

@Suite("A value that many read")
struct CurrentValueTests {
    @Test("is the new value, for existing copies, too")
    func replaces() {
        let source = CurrentValue("first")
        var copy = source.copy()
        #expect(copy.refreshed() == "first")
        source.replace(with: "second")
        #expect(copy.value == "first")
        #expect(copy.refreshed() == "second")
        var late = source.copy()
        #expect(late.refreshed() == "second")
    }

    @Test("never goes back, and ends with the last one, on many threads at once")
    func manyReaders() {
        // Two values that must be equal.
        let source = CurrentValue([0, 0])
        let failures = Atomic(0)
        onThreads(5) { number in
            if number == 0 {
                for value in 1...20_000 { source.replace(with: [value, -value]) }
                return
            }
            var copy = source.copy()
            var last = 0
            while last < 20_000 {
                let value = copy.refreshed()
                if value[0] != -value[1] || value[0] < last { failures.wrappingAdd(1, ordering: .relaxed) }
                last = value[0]
            }
        }
        #expect(failures.load(ordering: .relaxed) == 0)
    }
}
