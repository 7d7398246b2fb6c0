/// How a listener answers its clients.
public struct ReversalOptions: Hashable, Sendable {
    /// How a stream is divided into requests.
    public var framing: Framing
    /// The unit of reversal.
    public var unit: ReversalUnit

    /// Makes options.
    public init(framing: Framing = .line, unit: ReversalUnit = .character) {
        self.framing = framing
        self.unit = unit
    }
}

/// The limits of every session.
public struct ReversalLimits: Equatable, Sendable {
    /// The maximum length of a line in bytes, without its terminator. At least 1. It does not apply to chunks.
    public var maximumLineBytes: Int

    /// Makes limits.
    public init(maximumLineBytes: Int = 1 << 20) { self.maximumLineBytes = maximumLineBytes }
}
