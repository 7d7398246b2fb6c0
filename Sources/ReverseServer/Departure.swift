import Sockets

/// Why a client left, as the log tells it.
enum Departure: Equatable {
    /// The client said that it was done, and everything is answered.
    case finished
    /// A line grew beyond the limit.
    case lineTooLong
    /// No complete line for the idle timeout.
    case idle
    /// The server is stopping, and everything that had arrived is answered.
    case drained
    /// The server is stopping and waited long enough.
    case drainTimeout
    /// The connection broke, with the `errno`.
    case lost(Int32)

    /// What the log says after the numbers; nil for an ordinary end.
    var explanation: String? {
        switch self {
        case .finished: nil
        case .lineTooLong: "a line was longer than max_line_bytes"
        case .idle: "no complete line for idle_timeout"
        case .drained: "the server is stopping"
        case .drainTimeout: "the server is stopping and drain_timeout is over"
        case .lost(let code): SystemError.reason(code)
        }
    }
}
