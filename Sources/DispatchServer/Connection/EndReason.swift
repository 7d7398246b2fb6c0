import Sockets

/// Why a connection ended.
enum EndReason: Equatable {
    /// The client sent its end of file, and everything is answered.
    case finished
    /// The session ended the connection, and everything is answered.
    case completed
    /// The session refused the client's input, for this reason.
    case refused(String)
    /// The PROXY header was wrong or late.
    case proxyHeader(ProxyHeaderFailure)
    /// Its client has too many connections, which is known only after the PROXY header.
    case tooManyConnections
    /// No complete request for this timeout.
    case timedOut(PartialKeyPath<Limits> & Sendable)
    /// It held memory for too long while others waited for some.
    case memoryUsedUp
    /// The server is stopping, and everything that had arrived is answered.
    case drained
    /// The server is stopping, and the drain timeout is over.
    case drainTimeout
    /// The previous process handed the connection over, and this one could not continue it.
    case notTakenOver
    /// The connection broke, with this `errno`.
    case lost(Int32)

    /// Its name in the metrics. Never rename one: users' queries contain it.
    var name: String {
        switch self {
        case .finished: "client_closed"
        case .completed: "completed"
        case .refused: "refused"
        case .proxyHeader: "proxy_header"
        case .tooManyConnections: "too_many_connections"
        case .timedOut(let limit): limit == \.firstRequestTimeout ? "first_request_timeout" : "idle_timeout"
        case .memoryUsedUp: "memory"
        case .drained: "server_stopped"
        case .drainTimeout: "drain_timeout"
        case .notTakenOver: "not_taken_over"
        case .lost: "connection_lost"
        }
    }

    /// Every `name`, so that the metrics have each with 0 from the start.
    static let names = [
        "client_closed", "completed", "refused", "first_request_timeout", "idle_timeout", "server_stopped",
        "drain_timeout", "connection_lost", "memory", "proxy_header", "too_many_connections",
        "not_taken_over",
    ]

    /// The reason in the log message; nil for an ordinary end.
    func explanation(_ terms: LogTerms) -> String? {
        switch self {
        case .finished, .completed: nil
        case .refused(let reason): reason
        case .proxyHeader(let failure): failure.explanation
        case .tooManyConnections: "its client has as many connections as it may"
        case .timedOut(let limit): "no complete \(terms.request) for \(terms.limitName(limit))"
        case .memoryUsedUp:
            """
            it held memory for more than \(MemoryBudget.holdTimeout / 1000) s while others waited for some \
            (\(terms.limitName(\Limits.maximumBufferedBytes)))
            """
        case .drained: "the server is stopping"
        case .drainTimeout: "the server is stopping and \(terms.limitName(\Limits.drainTimeout)) is over"
        case .notTakenOver: "the connection could not be taken over from the previous process"
        case .lost(let code): SystemError.reason(code)
        }
    }
}
