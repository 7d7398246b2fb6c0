/// Finds out whether the server hangs up because of a line, such as one that is longer than it allows.
///
/// A server that was killed in the middle of a line does not mind the line: sent again, it is answered. One that hangs up
/// at a line does so every time. To tell the two apart, the server is asked an empty line before the suspect: it answers
/// that one, and yet ends the connection at the line behind it, twice in a row. No line of the input is needed for it,
/// and the empty answer is not written out.
struct RefusalTest {
    /// What becomes of the empty line on the present connection.
    enum Probe { case notNeeded, due, awaited, answered }

    private(set) var probe = Probe.notNeeded
    private var losses = 0
    private var refusals = 0

    private static let lossesBeforeProbe = 2
    private static let refusalsNeeded = 2

    /// Whether lines may be sent and answers be read: not before the empty line is answered.
    var isPassed: Bool { probe == .notNeeded || probe == .answered }

    /// Whether the server has ended a connection at the line although it had answered the empty one.
    var isSuspected: Bool { refusals > 0 }

    /// A new connection stands.
    mutating func connectionOpened() {
        probe = losses >= Self.lossesBeforeProbe ? .due : .notNeeded
    }

    /// The empty line was sent.
    mutating func probeSent() { probe = .awaited }

    /// The empty line was answered.
    mutating func probeAnswered() { probe = .answered }

    /// A line was answered: no line is under suspicion.
    mutating func progressed() {
        losses = 0
        refusals = 0
    }

    /// The server has ended the connection, after `sent` bytes of the oldest line without an answer.
    ///
    /// - Returns: Whether the line is refused.
    mutating func connectionLost(sent: Int) -> Bool {
        guard sent > 0 else { return false }
        losses += 1
        if probe == .answered { refusals += 1 }
        return refusals >= Self.refusalsNeeded
    }
}
