/// A session without its type, so that the rest of the server need not be generic.
///
/// It is one closure, so a connection makes one indirect call per receive. The code behind it is specialized for the session's
/// type in the program that defines it, because `Server.init` is inlinable. There is one closure for all methods, because each
/// further one would cost every connection a context.
@usableFromInline
@safe
struct RunningSession {
    /// The method of `Session` to call.
    @usableFromInline
    enum Call {
        /// Process these bytes.
        case receive
        /// Process the end of file.
        case receiveEndOfFile
        /// Return the state for the hand-over as the output of the step. The buffer is empty.
        case handOver
    }

    private let body: (UnsafeMutableRawBufferPointer, Call, RequestTally) -> SessionStep

    @usableFromInline
    init(_ body: @escaping (UnsafeMutableRawBufferPointer, Call, RequestTally) -> SessionStep) {
        unsafe self.body = body
    }

    func receive(_ buffer: UnsafeMutableRawBufferPointer, _ tally: RequestTally) -> SessionStep {
        unsafe body(buffer, .receive, tally)
    }

    func receiveEndOfFile(_ buffer: UnsafeMutableRawBufferPointer, _ tally: RequestTally) -> SessionStep {
        unsafe body(buffer, .receiveEndOfFile, tally)
    }

    /// The state for the hand-over; nil if the session cannot be handed over.
    func handOverState(_ tally: RequestTally) -> [UInt8]? {
        unsafe body(UnsafeMutableRawBufferPointer(start: nil, count: 0), .handOver, tally).output
    }
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
