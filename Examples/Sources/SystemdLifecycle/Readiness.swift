import ServiceLifecycle

/// Opens when each of a number of servers has said that it listens.
public struct Readiness: Sendable {
    private let servers: Int
    private let listening: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    /// - Parameter servers: how many servers will call ``reportListening()``.
    public init(servers: Int = 1) {
        self.servers = servers
        (listening, continuation) = AsyncStream.makeStream()
    }

    /// A server listens: its clients can connect from now on. To be called once by each server.
    public func reportListening() {
        continuation.yield()
    }

    /// Waits for all servers. To be called once.
    ///
    /// - Returns: false when the service group stopped before.
    func wait() async -> Bool {
        var missing = servers
        for await _ in listening.cancelOnGracefulShutdown() {
            missing -= 1
            if missing == 0 { return true }
        }
        return false
    }
}
