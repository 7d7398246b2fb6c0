/// How much memory all clients together may hold, and who has to do without. It performs no I/O and reads no clock.
///
/// A client holds memory for an incomplete request and for answers that it has not taken. It may hold as much as is still
/// free, so the more is in use, the less each may hold: those that hold most are the first to wait, and one that holds
/// little goes on. n clients that take what they can get end at 1/(n + 1) of the limit each, and never exceed it together.
/// While somebody waits, those that have held memory for long are ended, the largest first.
struct MemoryBudget: Equatable {
    /// So many bytes each client may hold in any case: a short line is never refused.
    static let base = 4096
    /// How long a client may hold memory without becoming rid of it while others wait for some.
    static let patience: Milliseconds = 10_000
    /// Clients are ended at most this often, so that the others get time to make use of what that freed.
    static let roundInterval: Milliseconds = 2000

    /// One client that holds memory.
    struct Holder {
        /// How many bytes it holds.
        var bytes: Int
        /// Since when it has held any.
        var since: Milliseconds
    }

    /// The most bytes that all may hold together, the base of each not counted.
    var limit: Int

    /// How many more bytes a client may hold that holds `holding` of the `used` bytes, 0 for one that must wait.
    func allowance(used: Int, holding: Int) -> Int {
        max(0, max(limit - used, Self.base) - holding)
    }

    /// Which holders have to end, because others wait for memory: the largest of those that have had theirs for long, until a
    /// quarter of the budget is free, and at least one.
    func choose(from holders: [Holder], used: Int, now: Milliseconds) -> [Int] {
        var excess = used - limit / 4 * 3
        var chosen: [Int] = []
        let late = holders.indices.filter {
            holders[$0].bytes > Self.base && now > holders[$0].since &+ Self.patience
        }
        for index in late.sorted(by: { holders[$0].bytes > holders[$1].bytes }) {
            guard chosen.isEmpty || excess > 0 else { break }
            chosen.append(index)
            excess -= holders[index].bytes
        }
        return chosen
    }
}
