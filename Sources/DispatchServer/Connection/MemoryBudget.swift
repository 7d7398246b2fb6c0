/// Divides the memory that all clients together may hold. It performs no I/O and reads no clock.
///
/// A client holds memory for an incomplete request and for answers that it has not taken. It may hold as much as is still
/// free. So the more memory is in use, the less each client may hold: those that hold most wait first, and a client that holds
/// little continues. n clients that take all they can get have 1/(n + 1) of the limit each, and together never exceed it.
/// While a client waits, those that have held memory for a long time are ended, the largest first.
struct MemoryBudget: Equatable {
    /// How many bytes each client may always hold: a short line never waits for memory.
    static let base = 4096
    /// How long a client may hold memory while others wait for some.
    static let holdTimeout: Milliseconds = 10_000
    /// The shortest time between two rounds of ended clients: the others get time to use the freed memory.
    static let roundInterval: Milliseconds = 2000

    /// One client that holds memory.
    struct Holder {
        /// How many bytes it holds.
        var bytes: Int
        /// Since when it has held more than nothing.
        var since: Milliseconds
    }

    /// How many bytes all clients together may hold, besides the base of each.
    var limit: Int

    /// How many more bytes a client may hold that holds `holding` of the `used` bytes; 0 if it must wait.
    func allowance(used: Int, holding: Int) -> Int {
        max(0, max(limit - used, Self.base) - holding)
    }

    /// Which holders to end, because others wait for memory: of those past `holdTimeout` the largest, until a quarter of the
    /// budget is free, and at least one.
    func choose(from holders: [Holder], used: Int, now: Milliseconds) -> [Int] {
        var excess = used - limit / 4 * 3
        var chosen: [Int] = []
        let late = holders.indices.filter {
            holders[$0].bytes > Self.base && now > holders[$0].since &+ Self.holdTimeout
        }
        for index in late.sorted(by: { holders[$0].bytes > holders[$1].bytes }) {
            guard chosen.isEmpty || excess > 0 else { break }
            chosen.append(index)
            excess -= holders[index].bytes
        }
        return chosen
    }
}
