/// A session as a connection sees it, whatever its type is: takes what `Session.receive`, or at the end of file
/// `Session.receiveEndOfFile`, takes.
///
/// A connection makes one indirect call for each receive. Everything behind it is compiled for the session's own type, in
/// the program that defines it, because `Server.init` is inlinable. So the rest of the server need not be generic, and
/// reversal pays nothing for it.
@usableFromInline
typealias RunningSession = (
    _ buffer: UnsafeMutableRawBufferPointer, _ isEndOfFile: Bool, _ tally: RequestTally
) -> SessionStep

/// Makes the session of a client that was accepted.
typealias SessionMaker = @Sendable () -> RunningSession
