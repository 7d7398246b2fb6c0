/// One client's conversation: bytes in, steps out, no socket.
///
/// The server keeps one buffer for each connection. It appends what arrives to the bytes that the last step left, passes
/// the whole buffer, and does what the step says. However the stream is cut, a session must give the same answers.
///
/// A session must not let the rest grow without bound: end the conversation with ``SessionStep/Ending/refused(_:)`` when a
/// request is too long.
public protocol Session: Sendable {
    /// What a listener sets for its sessions. Fixed for the life of a session; a reload gives new sessions new options.
    associatedtype Options: Hashable, Sendable
    /// What holds for all sessions. A reload changes it for running sessions too.
    associatedtype Limits: Equatable, Sendable

    /// The kinds of requests that it tells apart when it counts, at most ``RequestTally/maximumKinds``. By default none.
    static var requestKinds: [String] { get }

    /// Begins a conversation.
    init(options: Options)

    /// Takes the bytes that the last step left, followed by those that have arrived since.
    ///
    /// - Parameter buffer: Valid during the call. The session may change any of it: an answer may be written over the request
    ///   that it answers, and what is kept for the next step is kept as it was left.
    /// - Parameter limits: The limits that hold now.
    mutating func receive(_ buffer: UnsafeMutableRawBufferPointer, limits: Limits) -> SessionStep

    /// Takes the client's end of file; `buffer` holds what the last step left.
    ///
    /// When the server ends the conversation this is not called, and an incomplete request gets no answer.
    mutating func receiveEndOfFile(_ buffer: UnsafeMutableRawBufferPointer, limits: Limits) -> SessionStep

    /// As `receive` without `tally`, and counts in it what is answered, for the metrics by kind and by size. The server
    /// calls this one; by default it calls that one and counts nothing.
    mutating func receive(_ buffer: UnsafeMutableRawBufferPointer, limits: Limits, tally: RequestTally)
        -> SessionStep

    /// As `receiveEndOfFile` without `tally`, and counts in it what is answered.
    mutating func receiveEndOfFile(
        _ buffer: UnsafeMutableRawBufferPointer,
        limits: Limits,
        tally: RequestTally
    ) -> SessionStep
}

extension Session {
    /// No kinds.
    public static var requestKinds: [String] { [] }

    /// Counts nothing.
    @inlinable
    public mutating func receive(
        _ buffer: UnsafeMutableRawBufferPointer,
        limits: Limits,
        tally: RequestTally
    ) -> SessionStep {
        receive(buffer, limits: limits)
    }

    /// Counts nothing.
    @inlinable
    public mutating func receiveEndOfFile(
        _ buffer: UnsafeMutableRawBufferPointer,
        limits: Limits,
        tally: RequestTally
    ) -> SessionStep {
        receiveEndOfFile(buffer, limits: limits)
    }
}

/// What the server must do after a session has seen some bytes.
public struct SessionStep: Equatable, Sendable {
    /// Why a session ends its conversation.
    public enum Ending: Equatable, Sendable {
        /// Everything is answered.
        case finished
        /// The client broke a rule; the log gives this reason.
        case refused(String)
    }

    /// How many bytes at the front of the buffer are done with. The rest is kept for the next step.
    public var consumed: Int
    /// What to send: nil when the consumed bytes themselves, changed in place, are the answer.
    public var output: [UInt8]?
    /// How many requests this step answers.
    public var requests: Int
    /// When set, nothing more is read: the answer is sent, then the conversation ends.
    public var ending: Ending?

    /// Describes a step.
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
