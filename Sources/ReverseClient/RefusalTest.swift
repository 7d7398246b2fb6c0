/// Detects that the server closes the connection because of a certain line, such as one that is too long for it.
///
/// A server that was killed in the middle of a line answers it when it is sent again. A server that refuses a line closes the
/// connection every time. To tell the two apart, the client sends an empty line before the suspected one. If the server
/// answers the empty line and then closes the connection at the next line, twice in a row, the line is refused. The empty
/// answer is not written out.
struct RefusalTest {
    /// The state of the empty line on the current connection.
    enum Probe { case notNeeded, due, awaited, answered }

    private(set) var probe = Probe.notNeeded
    private var losses = 0
    private var refusals = 0

    private static let lossesBeforeProbe = 2
    private static let refusalsNeeded = 2

    /// Whether lines may be sent and answers read. Not before the empty line is answered.
    var isPassed: Bool { probe == .notNeeded || probe == .answered }

    /// Whether the server has closed a connection at the line after it had answered the empty one.
    var isSuspected: Bool { refusals > 0 }

    /// A new connection is open.
    mutating func connectionOpened() {
        probe = losses >= Self.lossesBeforeProbe ? .due : .notNeeded
    }

    /// The empty line was sent.
    mutating func probeSent() { probe = .awaited }

    /// The empty line was answered.
    mutating func probeAnswered() { probe = .answered }

    /// A line was answered, so no line is suspected.
    mutating func progressed() {
        losses = 0
        refusals = 0
    }

    /// The server has closed the connection after `sent` bytes of the oldest unanswered line.
    ///
    /// - Returns: Whether the line is refused.
    mutating func connectionLost(sent: Int) -> Bool {
        guard sent > 0 else { return false }
        losses += 1
        if probe == .answered { refusals += 1 }
        return refusals >= Self.refusalsNeeded
    }
}
