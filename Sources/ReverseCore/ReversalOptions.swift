/// How the clients of one listener are answered.
public struct ReversalOptions: Hashable, Sendable {
    /// How a stream is cut into requests.
    public var framing: Framing
    /// What stays whole when a line is reversed.
    public var unit: ReversalUnit

    /// Sets the options.
    public init(framing: Framing = .line, unit: ReversalUnit = .character) {
        self.framing = framing
        self.unit = unit
    }
}

/// The limits of every session.
public struct ReversalLimits: Equatable, Sendable {
    /// The most bytes that a line may have, its terminator not counted. At least 1; chunks are not limited by it.
    public var maximumLineBytes: Int

    /// Sets the limits.
    public init(maximumLineBytes: Int = 1 << 20) { self.maximumLineBytes = maximumLineBytes }
}
