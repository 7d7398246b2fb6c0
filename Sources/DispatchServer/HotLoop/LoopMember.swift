/// A connection as a hot loop sees it.
protocol LoopMember: AnyObject, Sendable {
    /// What a member needs to serve an event; each loop has one.
    associatedtype LoopWorker
    /// Unique among all members, past and present.
    var number: UInt64 { get }
    var descriptor: Int32 { get }
    /// Serves one event, and returns how many bytes were received. The event may be spurious.
    func serve(_ worker: LoopWorker, now: Milliseconds) -> Int
    /// Returns to its read source. False if it waits for output, is being served, or is not a member.
    func leave(_ loop: HotLoop<Self>) -> Bool
    /// Moves to another loop, unless it is being served.
    func move(from loop: HotLoop<Self>, to other: HotLoop<Self>)
    /// Ends, because the system cannot deliver its events.
    @discardableResult func fail(_ code: Int32) -> Bool
}
