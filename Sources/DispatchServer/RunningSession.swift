/// A session as a connection sees it, whatever its type is: takes what `Session.receive`, or at the end of file
/// `Session.receiveEndOfFile`, takes.
///
/// A connection makes one indirect call for each receive. Everything behind it is compiled for the session's own type, in
/// the program that defines it, because `Server.init` is inlinable. So the rest of the server need not be generic, and
/// reversal pays nothing for it.
@usableFromInline
typealias RunningSession = (
    _ buffer: UnsafeMutableRawBufferPointer, _ call: SessionCall, _ tally: RequestTally
) -> SessionStep

/// What a session is asked. One closure for all of it, because a second one would cost every connection its own context.
@usableFromInline
enum SessionCall {
    /// Take these bytes.
    case receive
    /// Take the end of file.
    case receiveEndOfFile
    /// Give the state for the hand-over, as the step's output. The buffer is empty.
    case handOver
}

/// Makes the sessions of the clients that a listener accepts, and knows what comes before them.
struct SessionMaker: Sendable {
    let proxyProtocol: ProxyProtocol
    private let make: @Sendable () -> RunningSession

    init(_ proxyProtocol: ProxyProtocol = ProxyProtocol(), _ make: @escaping @Sendable () -> RunningSession) {
        self.proxyProtocol = proxyProtocol
        self.make = make
    }

    func callAsFunction() -> RunningSession { make() }
}

/// Makes the session of a conversation that was handed over; nil when its state is not understood.
@usableFromInline
typealias SessionRestorer = @Sendable (_ state: [UInt8]) -> RunningSession?
