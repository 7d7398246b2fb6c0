import Logging
import Synchronization

/// What the log says of clients that come and go. The fields are those of reversed.journal-fields(7).
final class ConnectionLog: Sendable {
    private let logger: Logger
    private let policy: Policy

    init(logger: Logger, policy: Policy) {
        self.logger = logger
        self.policy = policy
    }

    func connected(_ connection: Connection) {
        guard policy.logsConnections.load(ordering: .relaxed) else { return }
        logger.info(
            "connected \(connection.client)",
            metadata: [
                "client": "\(connection.client)",
                "connection": "\(connection.number)",
                "listener": "\(connection.listenerName)",
            ]
        )
    }

    func disconnected(
        _ connection: Connection,
        requests: UInt64,
        bytes: UInt64,
        duration: Milliseconds,
        _ departure: Departure
    ) {
        // A client that was cut off for its own doing is told of even where ordinary comings and goings are not.
        let isOrdinary = departure != .lineTooLong
        guard !isOrdinary || policy.logsConnections.load(ordering: .relaxed) else { return }
        let explanation = departure.explanation.map { ": \($0)" } ?? ""
        logger.log(
            level: isOrdinary ? .info : .notice,
            """
            disconnected \(connection.client) after \(requests) line\(requests == 1 ? "" : "s"), \
            \(duration / 1000).\(duration % 1000 / 100) s\(explanation)
            """,
            metadata: [
                "client": "\(connection.client)",
                "connection": "\(connection.number)",
                "listener": "\(connection.listenerName)",
                "lines": "\(requests)",
                "bytes": "\(bytes)",
                "duration": "\(duration)",
            ]
        )
    }
}

extension ConnectionLog {
    func capReached(_ capacity: Int, on listener: String) {
        logger.warning(
            "all \(capacity) places are taken (max_connections): new clients of \(listener) wait until one leaves",
            metadata: ["listener": "\(listener)", "message-id": "\(MessageID.capReached)"]
        )
    }
}
