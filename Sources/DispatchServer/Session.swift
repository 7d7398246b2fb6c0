/// The protocol of one connection: bytes in, steps out, no socket.
///
/// The server appends the bytes that arrive to those that the last step did not consume, passes the whole buffer, and performs
/// the step. The answers must not depend on how the stream is divided into calls.
///
/// A session must bound the bytes that it does not consume: refuse a request that is too long with
/// ``SessionStep/Ending/refused(_:)``.
public protocol Session: Sendable {
    /// The settings of a listener for its sessions. A session keeps its options; after a reload new sessions get the new ones.
    associatedtype Options: Hashable, Sendable
    /// The settings for all sessions. A reload changes them for running sessions, too.
    associatedtype Limits: Equatable, Sendable
    /// The limits and counters of a call.
    typealias Context = CallContext<Limits>

    /// The names of the kinds of requests that are counted separately, at most ``RequestTally/maximumKinds``. Default: none.
    static var requestKinds: [String] { get }

    /// Makes the session of a new connection.
    init(options: Options)

    /// Processes the bytes that the last step did not consume, followed by those that have arrived since.
    ///
    /// - Parameters:
    ///   - buffer: Valid during the call. The session may change all of it: it may write an answer over its request, and the next
    ///     step gets unconsumed bytes as they are at the end of this one.
    ///   - context: The current limits, and where to count answered requests.
    mutating func receive(_ buffer: UnsafeMutableRawBufferPointer, _ context: Context) -> SessionStep

    /// Processes the client's end of file.
    ///
    /// Not called if the server ends the connection. Then an incomplete request gets no answer.
    ///
    /// - Parameters:
    ///   - buffer: The bytes that the last step did not consume. The session may change them, as in ``receive(_:_:)``.
    ///   - context: The current limits, and where to count answered requests.
    mutating func receiveEndOfFile(_ buffer: UnsafeMutableRawBufferPointer, _ context: Context) -> SessionStep

    /// The state of the session, for the process that continues it after a restart. Nil if that is not possible; then the
    /// connection is ended as in a stop. The server hands over unconsumed bytes itself.
    ///
    /// The other process may be an older or newer release: begin with the version of the format, and let ``init(handedOver:)``
    /// refuse an unknown one.
    var handOverState: [UInt8]? { get }

    /// Continues a session that another process has handed over. Nil refuses it; then the server ends the connection as in a
    /// stop.
    ///
    /// - Parameter state: The ``handOverState`` of that process. It is input from outside, so validate it.
    init?(handedOver state: [UInt8])
}

extension Session {
    /// Nil: the session cannot be handed over.
    public var handOverState: [UInt8]? { nil }

    /// Refuses any state.
    public init?(handedOver state: [UInt8]) { nil }

    /// No kinds.
    public static var requestKinds: [String] { [] }
}

/// What a session may use during a call.
@frozen
public struct CallContext<Limits: Equatable & Sendable>: Sendable {
    /// The current limits.
    public let limits: Limits
    /// Counts answered requests by kind and size, for ``Statistics``. A session that needs no such counts ignores it.
    public let tally: RequestTally

    /// Makes the context of a call. The server does this; so does a test of a session.
    ///
    /// - Parameters:
    ///   - limits: The current limits.
    ///   - tally: Where to count.
    @inlinable
    public init(limits: Limits, tally: RequestTally = RequestTally()) {
        self.limits = limits
        self.tally = tally
    }
}

/// What the server must do after a call of a session.
public struct SessionStep: Equatable, Sendable {
    /// Why a session ends its connection.
    public enum Ending: Equatable, Sendable {
        /// All requests are answered.
        case finished
        /// The client violated the protocol or a limit. The log gives this reason.
        case refused(String)
    }

    /// How many bytes at the front of the buffer are consumed. The server keeps the others for the next step.
    public var consumed: Int
    /// The answer. Nil if the consumed bytes, changed in place, are the answer.
    public var output: [UInt8]?
    /// How many requests this step answers.
    public var requests: Int
    /// If set, the server reads no more, sends the answer, and ends the connection.
    public var ending: Ending?

    /// Makes a step.
    public init(consumed: Int, output: [UInt8]? = nil, requests: Int, ending: Ending? = nil) {
        self.consumed = consumed
        self.output = output
        self.requests = requests
        self.ending = ending
    }
}

/// The options or limits of a session that has none.
public struct NoOptions: Hashable, Sendable {
    /// The only value.
    public init() {}
}
