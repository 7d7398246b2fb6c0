import Testing

@testable import DispatchServer

@Suite("The memory of all clients together")
struct MemoryBudgetTests {
    private let budget = MemoryBudget(limit: 1_000_000)

    @Test(
        "lets one client hold half of it, the next half of the rest, and always a short line"
    )
    func allowance() {
        #expect(budget.allowance(used: 0, holding: 0) == 1_000_000)
        #expect(budget.allowance(used: 500_000, holding: 500_000) == 0)
        #expect(budget.allowance(used: 500_000, holding: 100_000) == 400_000)
        #expect(budget.allowance(used: 999_999, holding: 0) == MemoryBudget.base)
        #expect(budget.allowance(used: 5_000_000, holding: 1000) == MemoryBudget.base - 1000)
        #expect(budget.allowance(used: 5_000_000, holding: MemoryBudget.base) == 0)
    }

    @Test(
        "is never exceeded by clients that take what they get, and they share it evenly",
        arguments: [1, 10, 100]
    )
    func greed(count: Int) {
        var held = Array(repeating: 0, count: count)
        var isGrowing = true
        while isGrowing {
            isGrowing = false
            for index in held.indices {
                let used = held.reduce(0, +)
                let more = min(1000, budget.allowance(used: used, holding: held[index]))
                held[index] += more
                isGrowing = isGrowing || more > 0
            }
        }
        #expect(held.reduce(0, +) <= budget.limit)
        #expect(held.allSatisfy { abs($0 - budget.limit / (count + 1)) <= 1000 + count }, "\(held)")
        // A small client that comes later continues.
        #expect(budget.allowance(used: held.reduce(0, +), holding: 200) > 0)
    }

    @Test("is given up by those that have held the most for long, until a quarter is free")
    func choice() {
        let long: Milliseconds = 1000
        let now = long + MemoryBudget.holdTimeout + 1
        typealias Holder = MemoryBudget.Holder
        let holders = [
            Holder(bytes: 100_000, since: long), Holder(bytes: 400_000, since: now - 5),
            Holder(bytes: 300_000, since: long), Holder(bytes: 200_000, since: long),
            Holder(bytes: 4000, since: long),
        ]
        #expect(budget.choose(from: holders, used: 1_004_000, now: now) == [2])
        #expect(budget.choose(from: holders, used: 1_104_000, now: now) == [2, 3])
        // At least one, because clients wait; but none before its time, and none that holds little.
        #expect(budget.choose(from: holders, used: 0, now: now) == [2])
        #expect(budget.choose(from: holders, used: 1_004_000, now: now - 1) == [])
        #expect(budget.choose(from: [holders[4]], used: 2_000_000, now: now) == [])
    }

    @Test("is read from what a cgroup says")
    func cgroup() {
        #expect(MemoryLimits.bytes(in: "1073741824\n") == 1 << 30)
        #expect(MemoryLimits.bytes(in: "max\n") == nil && MemoryLimits.bytes(in: "") == nil)
        #expect(MemoryLimits.available() > 0)
    }

    @Test("is chosen by the server unless it is set")
    func limits() {
        var limits = Limits()
        #expect((1 << 20...256 << 20).contains(limits.bufferedBytes))
        limits.maximumBufferedBytes = .chosen(5 << 30)
        #expect(limits.bufferedBytes == 5 << 30)
    }
}
