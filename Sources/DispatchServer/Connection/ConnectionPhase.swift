extension ConnectionState {
    enum Phase: Equatable {
        /// `remaining`: during a drain, how many of the bytes that had arrived are still unread.
        case serving(remaining: Int?)
        case sending(Sending)
        case lingering(Lingering)
        case closed
    }

    struct Sending: Equatable {
        /// How many of the bytes held must be sent.
        var unsent: Int
        /// What comes after that.
        var next: Next
        /// How many sent bytes were unacknowledged at the last check of the idle timeout, if nothing was sent since.
        var untaken = Int.max
    }

    enum Next: Equatable {
        case serve(remaining: Int?)
        case finish(EndReason)
    }

    struct Lingering: Equatable {
        var reason: EndReason
        /// How many more bytes may be discarded.
        var allowance: Int
        /// When to give up, unless the client has acknowledged more of its answers by then.
        var until: Milliseconds
        /// When our FIN was sent.
        let since: Milliseconds
        /// How many sent bytes were unacknowledged at the last check.
        var untaken = Int.max
    }
}
