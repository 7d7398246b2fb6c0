/// The progress of a stream.
public struct StreamProgress: Sendable, Equatable {
    /// Bytes of the input that were read.
    public var bytesRead = 0
    /// Bytes of whole answers.
    public var bytesAnswered = 0
    /// Whole answers.
    public var linesAnswered = 0
    /// How often the stream reconnected after a loss.
    public var reconnects = 0
}

/// Observes a running stream. It is called on the stream's thread and must not block.
public protocol StreamObserver: AnyObject {
    /// The longest time between two calls of `streamMoved`; nil for no limit.
    var interval: Duration? { get }
    /// Called between steps: often while there is work, and at least once per `interval`.
    func streamMoved(to progress: StreamProgress, at now: ContinuousClock.Instant)
    /// Answers are about to be written. `isLast` if no others will follow.
    func streamWillWrite(isLast: Bool)
    /// The connection was lost or connecting failed. The stream tries again after `pause`.
    func streamLost(_ reason: ClientError.Reason, tryingAgainAfter pause: Duration)
}
