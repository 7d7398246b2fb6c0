import Synchronization

/// Passes on the first of several answers, such as that of a call and that of its timeout. The answers may come from any thread.
final class FirstAnswer<Answer: Sendable>: Sendable {
    private let receive: @Sendable (Answer) -> Void
    private let isGiven = Atomic(false)

    /// - Parameter receive: Called once, by the thread that gives the first answer.
    init(_ receive: @escaping @Sendable (Answer) -> Void) { self.receive = receive }

    func give(_ answer: Answer) {
        if !isGiven.exchange(true, ordering: .relaxed) { receive(answer) }
    }
}
