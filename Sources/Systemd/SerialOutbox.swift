import Dispatch
import Synchronization

/// What waits to be sent, between callers who never wait and a sender that may block.
///
/// One item is sent at a time, on a serial queue of the outbox. `State` holds what waits and decides what comes next.
final class SerialOutbox<State: Sendable, Item>: Sendable {
    private struct Guarded: Sendable {
        var state: State
        /// Whether the queue is going to ask for the next item.
        var isScheduled = false
    }

    private let guarded: Mutex<Guarded>
    private let queue: DispatchQueue
    private let gatheringTime: DispatchTimeInterval
    private let next: @Sendable (inout State) -> Item?
    private let send: @Sendable (Item) -> Void

    /// - Parameters:
    ///   - label: the name of the queue.
    ///   - state: what waits at the beginning.
    ///   - gatheringTime: how long the first item waits for others to come.
    ///   - next: takes the next item out of the state; nil when nothing waits. When it is asked, the item before has been
    ///     sent. It runs under the outbox's lock.
    ///   - send: sends an item; it may block.
    init(
        label: String,
        state: State,
        gatheringTime: DispatchTimeInterval = .never,
        next: @escaping @Sendable (inout State) -> Item?,
        send: @escaping @Sendable (Item) -> Void
    ) {
        guarded = Mutex(Guarded(state: state))
        queue = DispatchQueue(label: label)
        self.gatheringTime = gatheringTime
        self.next = next
        self.send = send
    }

    /// Changes the state.
    ///
    /// - Parameter body: runs under the outbox's lock; answers whether something waits now.
    func update(_ body: (inout State) -> Bool) {
        let mustSchedule = guarded.withLock { guarded in
            guard body(&guarded.state), !guarded.isScheduled else { return false }
            guarded.isScheduled = true
            return true
        }
        guard mustSchedule else { return }
        if gatheringTime == .never {
            queue.async { self.sendAll() }
        } else {
            queue.asyncAfter(deadline: .now() + gatheringTime) { self.sendAll() }
        }
    }

    /// Runs `body` on the outbox's queue at that time.
    func run(at deadline: DispatchTime, _ body: @escaping @Sendable () -> Void) {
        queue.asyncAfter(deadline: deadline, execute: body)
    }

    /// Runs `body` on the outbox's queue once everything that waits now has been sent. It may block.
    func afterSending(_ body: @escaping @Sendable () -> Void) {
        queue.async {
            self.sendAll()
            body()
        }
    }

    /// Waits until everything that waits now has been sent; false when the deadline came first.
    func flush(deadline: DispatchTime) -> Bool {
        let sent = DispatchSemaphore(value: 0)
        queue.async {
            self.sendAll()
            sent.signal()
        }
        return sent.wait(timeout: deadline) == .success
    }

    private func sendAll() {
        while let item = takeNext() { send(item) }
    }

    private func takeNext() -> Item? {
        guarded.withLock { guarded in
            let item = next(&guarded.state)
            guarded.isScheduled = item != nil
            return item
        }
    }
}
