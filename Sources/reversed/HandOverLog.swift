import DispatchServer
import Logging
import Quantities

/// The log messages of a hand-over.
struct HandOverLog {
    let logger: Logger

    func noteBegin(_ connections: Int) {
        logger.notice(
            "handing over \(StatusLine.connections(connections)) to the next process",
            metadata: ["message-id": "\(MessageID.handingOver)", "connections": "\(connections)"]
        )
    }

    func noteEnd(_ handOver: HandOver) {
        guard handOver.ended > 0 else { return }
        noteEnded(handOver.ended, of: handOver.connections + handOver.ended, "handed over", [])
    }

    func noteNotKept() {
        logger.warning(
            """
            the service manager does not store the connections (FileDescriptorStoreMax= of the unit): they are ended as in a stop
            """,
            metadata: ["message-id": "\(MessageID.notHandedOver)"]
        )
    }

    /// The process ends before it has taken over anything.
    func noteLeftInStore() {
        logger.critical(
            "the connections of the previous process are lost, unless the service manager starts the service again"
        )
    }

    func note(_ report: TakeOverReport) {
        let milliseconds = max(1, report.duration.wholeMilliseconds(roundingUp: true))
        if report.taken > 0 {
            logger.notice(
                "took over \(StatusLine.connections(report.taken)) in \(milliseconds) ms",
                metadata: [
                    "message-id": "\(MessageID.tookOver)", "connections": "\(report.taken)",
                    "duration": "\(milliseconds)",
                ]
            )
        }
        guard report.ended > 0 else {
            for reason in report.reasons {
                logger.warning("a descriptor in the store is not a hand-over and is closed: \(reason)")
            }
            return
        }
        noteEnded(report.ended, of: report.taken + report.ended, "taken over", report.reasons)
    }

    private func noteEnded(_ count: Int, of total: Int, _ what: String, _ reasons: [String]) {
        let explanation = reasons.isEmpty ? "" : ": " + reasons.joined(separator: "; ")
        logger.warning(
            "\(count) of \(StatusLine.connections(total)) could not be \(what) and \(count == 1 ? "was" : "were") ended\(explanation)",
            metadata: [
                "message-id": "\(MessageID.notHandedOver)", "connections": "\(total)", "ended": "\(count)",
            ]
        )
    }
}
