/// How far a stream has come.
public struct StreamProgress: Sendable, Equatable {
    /// Bytes of the input read so far.
    public var bytesRead = 0
    /// Bytes of whole answers so far.
    public var bytesAnswered = 0
    /// Whole answers so far.
    public var linesAnswered = 0
    /// How often the connection was made again after a loss.
    public var reconnects = 0
}

/// Looks on while a stream runs. It is called on the stream's thread and must not block.
public protocol StreamObserver: AnyObject {
    /// How long the stream may sleep before it calls `streamMoved` again; nil for as long as it likes.
    var interval: Duration? { get }
    /// Called between steps, often while there is work, and at least once an `interval`.
    func streamMoved(to progress: StreamProgress, at now: ContinuousClock.Instant)
    /// Answers are about to be written out; `isLast` when no others will follow.
    func streamWillWrite(isLast: Bool)
    /// The connection was lost, or did not come about, and will be tried again after `pause`.
    func streamLost(_ reason: ClientError.Reason, tryingAgainAfter pause: Duration)
}
