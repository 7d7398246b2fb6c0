/// A session without its type: a closure that calls the method of `Session` which `call` names.
///
/// A connection makes one indirect call per receive. The code behind it is specialized for the session's type in the program
/// that defines it, because `Server.init` is inlinable. So the rest of the server need not be generic.
@usableFromInline
typealias RunningSession = (
    _ buffer: UnsafeMutableRawBufferPointer, _ call: SessionCall, _ tally: RequestTally
) -> SessionStep

/// The method to call. There is one closure for all methods, because each further one would cost every connection a context.
@usableFromInline
enum SessionCall {
    /// Process these bytes.
    case receive
    /// Process the end of file.
    case receiveEndOfFile
    /// Return the state for the hand-over as the output of the step. The buffer is empty.
    case handOver
}

/// Makes the sessions of the clients that a listener accepts, and has the PROXY protocol setting of the listener.
struct SessionMaker: Sendable {
    let proxyProtocol: ProxyProtocol
    private let make: @Sendable () -> RunningSession

    init(_ proxyProtocol: ProxyProtocol = ProxyProtocol(), _ make: @escaping @Sendable () -> RunningSession) {
        self.proxyProtocol = proxyProtocol
        self.make = make
    }

    func callAsFunction() -> RunningSession { make() }
}

/// Makes the session of a connection that was handed over; nil if its state is unknown to this release.
@usableFromInline
typealias SessionRestorer = @Sendable (_ state: [UInt8]) -> RunningSession?
