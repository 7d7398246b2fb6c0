import Dispatch
import Synchronization

/// A queue between callers, which never wait, and a sender, which may block.
///
/// One item is sent at a time, on a serial queue. `State` has the waiting items and chooses the next one.
final class SerialOutbox<State: Sendable, Item>: Sendable {
    private struct Guarded: Sendable {
        var state: State
        /// Whether `sendAll` is scheduled.
        var isScheduled = false
    }

    private let guarded: Mutex<Guarded>
    private let queue: DispatchQueue
    private let gatheringTime: DispatchTimeInterval
    private let next: @Sendable (inout State) -> Item?
    private let send: @Sendable (Item) -> Void

    /// - Parameters:
    ///   - label: The name of the queue.
    ///   - state: The initial state.
    ///   - gatheringTime: How long to wait for further items after the first one.
    ///   - next: Removes the next item from the state; nil if none waits. It is called after the previous item was sent, with the
    ///     lock held.
    ///   - send: Sends an item; it may block.
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
    /// - Parameter body: Changes the state, with the lock held; returns whether items wait.
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

    /// Runs `body` on the outbox's queue after all waiting items are sent. It may block.
    func afterSending(_ body: @escaping @Sendable () -> Void) {
        queue.async {
            self.sendAll()
            body()
        }
    }

    /// Waits until all waiting items are sent; false if the deadline came first.
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
