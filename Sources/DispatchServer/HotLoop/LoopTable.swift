/// The members of a hot loop, and the queue of the bulky ones.
///
/// An event identifies a member by a token: the descriptor and the member's number. So a late event does not reach a new
/// member that has the same descriptor.
struct LoopTable<Member: LoopMember> {
    private struct Entry {
        let member: Member
        var lastEvent: Milliseconds
        var isBulky = false
        var isQueued = false
    }

    /// By descriptor.
    private var entries: [Entry?] = []
    /// The tokens of bulky members that are ready, first come first served, from `next` on.
    private var queue: [UInt64] = []
    private var next = 0
    /// How many members there are.
    private(set) var count = 0

    static func token(_ member: Member) -> UInt64 {
        UInt64(UInt32(bitPattern: member.descriptor)) | member.number << 32
    }

    mutating func insert(_ member: Member, now: Milliseconds) {
        let slot = Int(member.descriptor)
        if entries.count <= slot {
            entries += Array(repeating: nil, count: max(slot + 1, 2 * entries.count) - entries.count)
        }
        if entries[slot] == nil { count += 1 }
        entries[slot] = Entry(member: member, lastEvent: now)
    }

    mutating func remove(_ member: Member) {
        guard let slot = slot(of: member) else { return }
        entries[slot] = nil
        count -= 1
    }

    // MARK: - Events

    /// The member of an event, if it can be served now. A bulky one is queued instead.
    mutating func take(_ token: UInt64, now: Milliseconds) -> Member? {
        guard let slot = slot(token), let entry = entries[slot] else { return nil }
        entries[slot]?.lastEvent = now
        if !entry.isBulky { return entry.member }
        if !entry.isQueued {
            entries[slot]?.isQueued = true
            queue.append(token)
        }
        return nil
    }

    /// Whether bulky members are queued.
    var hasBulky: Bool { next < queue.count }

    /// Takes the first bulky member from the queue; nil if it has left.
    mutating func takeBulky() -> Member? {
        guard hasBulky else { return nil }
        let token = queue[next]
        next += 1
        // Remove taken entries from time to time, or the queue would grow under a flood that never pauses.
        if next == queue.count || next >= 1024 {
            queue.removeFirst(next)
            next = 0
        }
        guard let slot = slot(token) else { return nil }
        entries[slot]?.isQueued = false
        return entries[slot]?.member
    }

    /// Sets whether a member is bulky.
    mutating func mark(_ member: Member, isBulky: Bool) {
        if let slot = slot(of: member) { entries[slot]?.isBulky = isBulky }
    }

    // MARK: - Members

    var members: [Member] { entries.compactMap { $0?.member } }

    /// The members without an event since a time that are not queued, at most `most` of them.
    func quiet(since: Milliseconds, atMost most: Int = .max) -> [Member] {
        var quiet: [Member] = []
        for case let entry? in entries where !entry.isQueued && entry.lastEvent < since {
            guard quiet.count < most else { break }
            quiet.append(entry.member)
        }
        return quiet
    }

    /// A share of the bulky members and of the others, 0...1.
    func part(_ share: Double) -> [Member] {
        // Without the small surplus, rounding could turn half of two members into none.
        var credits = (bulky: 0.001, light: 0.001)
        return entries.compactMap { entry in
            guard let entry else { return nil }
            if entry.isBulky { credits.bulky += share } else { credits.light += share }
            guard (entry.isBulky ? credits.bulky : credits.light) >= 1 else { return nil }
            if entry.isBulky { credits.bulky -= 1 } else { credits.light -= 1 }
            return entry.member
        }
    }

    private func slot(of member: Member) -> Int? { slot(Self.token(member)) }

    private func slot(_ token: UInt64) -> Int? {
        let slot = Int(token & 0xFFFF_FFFF)
        guard slot < entries.count, let entry = entries[slot], Self.token(entry.member) == token else {
            return nil
        }
        return slot
    }
}
