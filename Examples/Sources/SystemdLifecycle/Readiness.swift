import ServiceLifecycle

/// Waits until each of a number of servers has reported that it listens.
public struct Readiness: Sendable {
    private let servers: Int
    private let listening: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    /// - Parameter servers: How many servers will call ``reportListening()``.
    public init(servers: Int = 1) {
        self.servers = servers
        (listening, continuation) = AsyncStream.makeStream()
    }

    /// Reports that a server listens, so its clients can connect. Each server must call it once.
    public func reportListening() {
        continuation.yield()
    }

    /// Waits for all servers. May be called only once.
    ///
    /// - Returns: False if the service group stopped before.
    func wait() async -> Bool {
        var missing = servers
        for await _ in listening.cancelOnGracefulShutdown() {
            missing -= 1
            if missing == 0 { return true }
        }
        return false
    }
}
