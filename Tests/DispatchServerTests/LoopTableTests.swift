import Testing

@testable import DispatchServer

/// A member with only a number and a descriptor.
private final class Entry: LoopMember {
    let number: UInt64
    let descriptor: Int32

    init(_ number: UInt64, at descriptor: Int32) { (self.number, self.descriptor) = (number, descriptor) }

    func serve(_ worker: Void, now: Milliseconds) -> Int { 0 }
    func leave(_ loop: HotLoop<Entry>) -> Bool { true }
    func move(from loop: HotLoop<Entry>, to other: HotLoop<Entry>) {}
    func fail(_ code: Int32) -> Bool { true }
}

@Suite("The members of a hot loop")
struct LoopTableTests {
    private static func table(_ members: [Entry]) -> LoopTable<Entry> {
        var table = LoopTable<Entry>()
        for member in members { table.insert(member, now: 1000) }
        return table
    }

    @Test("come and go; a descriptor that was used before has another token")
    func membership() {
        let (first, second, third) = (Entry(1, at: 5), Entry(2, at: 9), Entry(3, at: 5))
        var table = Self.table([first, second])
        #expect(table.count == 2 && table.members.map(\.number) == [1, 2])
        table.remove(first)
        table.remove(first)
        #expect(table.count == 1)
        table.insert(third, now: 1000)
        table.remove(first)
        #expect(table.members.map(\.number) == [3, 2])
        #expect(table.take(LoopTable.token(first), now: 1001) == nil)
        #expect(table.take(LoopTable.token(third), now: 1001) === third)
        #expect(table.take(LoopTable.token(Entry(4, at: 4000)), now: 1001) == nil)
    }

    @Test("that are bulky wait for their turn once, in order, and not when they have left")
    func bulky() {
        let members = (1...3).map { Entry(UInt64($0), at: Int32($0)) }
        var table = Self.table(members)
        for member in members {
            table.mark(member, isBulky: true)
            for _ in 0..<2 { #expect(table.take(LoopTable.token(member), now: 1001) == nil) }
        }
        table.remove(members[1])
        #expect(table.takeBulky() === members[0])
        #expect(table.takeBulky() == nil && table.hasBulky)
        #expect(table.takeBulky() === members[2])
        #expect(!table.hasBulky && table.takeBulky() == nil)
        // After it was served, it may queue again.
        #expect(table.take(LoopTable.token(members[0]), now: 1002) == nil && table.hasBulky)
        table.mark(members[2], isBulky: false)
        #expect(table.take(LoopTable.token(members[2]), now: 1002) === members[2])
    }

    @Test("that are quiet have had no event since, and wait for no turn")
    func quiet() {
        let members = (1...3).map { Entry(UInt64($0), at: Int32($0)) }
        var table = Self.table(members)
        table.mark(members[2], isBulky: true)
        _ = table.take(LoopTable.token(members[0]), now: 1500)
        #expect(table.quiet(since: 1200).map(\.number) == [2, 3])
        _ = table.take(LoopTable.token(members[2]), now: 1001)
        #expect(table.quiet(since: 1200).map(\.number) == [2])
    }

    @Test("are shared with another loop, the bulky ones and the others alike", arguments: [0, 0.5, 1])
    func part(share: Double) {
        let members = (1...8).map { Entry(UInt64($0), at: Int32($0)) }
        var table = Self.table(members)
        for member in members[..<4] { table.mark(member, isBulky: true) }
        let part = table.part(share).map(\.number)
        #expect(part.count { $0 <= 4 } == Int(4 * share))
        #expect(part.count { $0 > 4 } == Int(4 * share))
    }
}
