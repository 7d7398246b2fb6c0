import Logging
import Sockets
import Synchronization

/// What the log has about a connection that ended.
struct Ended {
    var connection: UInt64
    var client: SocketAddress
    var listener: String
    var requests: UInt64
    var bytes: UInt64
    var duration: Milliseconds
    /// How many bytes of its answers were not taken, where the server ended it.
    var untaken: Int
    var reason: EndReason
}

/// Everything that a server logs. Metadata keys are the names of journal fields in lower case.
final class ServerLog: Sendable {
    private let terms: LogTerms
    private let logger: Logger
    private let logsConnections: Atomic<Bool>

    /// Messages that a client can cause as often as it likes.
    private struct Limits {
        var connections = LogRateLimit.connections
        var refusals = LogRateLimit.refusals
        var refusedClients = LogRateLimit.refusedClients
        var loopFailures = LogRateLimit.loopFailures
    }

    private typealias Kind = WritableKeyPath<Limits, LogRateLimit> & Sendable

    private let limits = Mutex(Limits())
    private let omitted = Atomic<UInt64>(0)

    /// How many messages about clients were left out because there were too many.
    var omittedMessages: UInt64 { omitted.load(ordering: .relaxed) }

    init(logger: Logger, terms: LogTerms, logsConnections: Bool) {
        self.logger = logger
        self.terms = terms
        self.logsConnections = Atomic(logsConnections)
    }

    func setLogsConnections(_ value: Bool) { logsConnections.store(value, ordering: .relaxed) }

    // MARK: - Connections

    func connected(_ number: UInt64, _ client: SocketAddress, listener: String) {
        guard logsConnections.load(ordering: .relaxed), admits(\.connections, .info) else { return }
        logger.info(
            "connected \(client)",
            metadata: ["client": "\(client)", "connection": "\(number)", "listener": "\(listener)"]
        )
    }

    func disconnected(_ ended: Ended) {
        // A client that broke a rule is worth a line even where ordinary comings and goings are not.
        let isRefused = if case .refused = ended.reason { true } else { false }
        guard isRefused || logsConnections.load(ordering: .relaxed) else { return }
        guard isRefused ? admits(\.refusals, .notice) : admits(\.connections, .info) else { return }
        let untaken = ended.untaken > 0 ? ", \(ended.untaken) bytes of answers were not taken" : ""
        let explanation = ended.reason.explanation(terms).map { ": \($0)\(untaken)" } ?? ""
        let requests = "\(ended.requests) \(terms.request)\(ended.requests == 1 ? "" : "s")"
        logger.log(
            level: isRefused ? .notice : .info,
            "disconnected \(ended.client) after \(requests), \(Self.text(ended.duration))\(explanation)",
            metadata: [
                "client": "\(ended.client)",
                "connection": "\(ended.connection)",
                "listener": "\(ended.listener)",
                "lines": "\(ended.requests)",
                "bytes": "\(ended.bytes)",
                "duration": "\(ended.duration)",
            ]
        )
    }

    /// A client was refused because it had as many connections as it may.
    func refused(_ client: SocketAddress, listener: String) {
        guard admits(\.refusedClients, .notice) else { return }
        logger.notice(
            """
            refused \(client): its address has as many connections as one client may have \
            (\(terms.limitName(\.maximumConnectionsPerClient)))
            """,
            metadata: ["client": "\(client)", "listener": "\(listener)"]
        )
    }

    /// Whether a message of this kind is logged now, and not left out.
    private func admits(_ kind: Kind, _ level: Logger.Level) -> Bool {
        guard logger.logLevel <= level else { return false }
        switch limits.withLock({ $0[keyPath: kind].decide(at: Clock.now()) }) {
        case .omit:
            omitted.wrappingAdd(1, ordering: .relaxed)
            return false
        case .log(let omitted):
            noteOmitted(omitted, kind)
            return true
        }
    }

    /// Logs how many messages were left out, where no later message has said so. To be called now and then.
    func noteOmitted(at now: Milliseconds = Clock.now()) {
        for kind in [\Limits.connections, \.refusals, \.refusedClients, \.loopFailures] as [Kind] {
            noteOmitted(limits.withLock { $0[keyPath: kind].takeOmitted(at: now) }, kind)
        }
    }

    private func noteOmitted(_ count: UInt64, _ kind: Kind) {
        guard count > 0 else { return }
        let subject =
            switch kind {
            case \.refusals: "were disconnected for what they sent"
            case \.refusedClients: "were refused"
            case \.loopFailures: "had to leave a hot loop"
            default: "connected or disconnected"
            }
        logger.notice(
            "left out \(count) message\(count == 1 ? "" : "s") about clients that \(subject): there were too many at once",
            metadata: ["omitted": "\(count)"]
        )
    }

    // MARK: - Listeners

    func note(_ notice: ListenerState.Notice, capacity: Int, listener: String) {
        switch notice {
        case .paused(let duration):
            logger.warning(
                """
                all \(capacity) connection slots are in use (\(terms.limitName(\.maximumConnections))): accepting on \(listener) has been paused for \
                \(Self.text(duration)), clients wait until one is free
                """,
                metadata: metadata(listener, terms.capacityReachedID)
            )
        case .resumed(let duration):
            logger.notice(
                "accepting on \(listener) again after \(Self.text(duration))",
                metadata: metadata(listener, nil)
            )
        case .failing(let code, let count):
            let times = count == 1 ? "" : " (\(count) times since the last message)"
            logger.error(
                "\(SystemError("accept a client on \(listener)", code: code))\(times); trying again",
                metadata: metadata(listener, nil)
            )
        case .dead(let code):
            logger.critical(
                """
                \(SystemError("accept clients on \(listener) any more", code: code)); the socket is dead, restart \
                the service to listen there again
                """,
                metadata: metadata(listener, nil)
            )
        }
    }

    private func metadata(_ listener: String, _ messageID: String?) -> Logger.Metadata {
        var metadata: Logger.Metadata = ["listener": "\(listener)"]
        if let messageID { metadata["message-id"] = "\(messageID)" }
        return metadata
    }

    // MARK: - The rest

    func memoryUsedUp(limit: Int, waiting: Int) {
        logger.warning(
            """
            \(limit) bytes are held for clients (\(terms.limitName(\.maximumBufferedBytes))): the \(waiting) that hold \
            most wait until there is less
            """
        )
    }

    func loopFailed(_ code: Int32) {
        guard admits(\.loopFailures, .critical) else { return }
        logger.critical("\(SystemError("wait for events", code: code)); a hot loop has ended")
    }

    func noteFewerSlots(_ slots: Int, wanted: Int, descriptors: UInt64) {
        logger.warning(
            """
            \(terms.limitName(\.maximumConnections)) is \(wanted), but only \(slots) clients fit the limit of \(descriptors) open \
            files: that many are served at once; raise LimitNOFILE= or ulimit -n for more
            """
        )
    }

    func warn(_ text: String) { logger.warning("\(text)") }

    /// The clock is right to a few milliseconds: shorter times are not told apart.
    private static func text(_ duration: Milliseconds) -> String {
        switch duration {
        case ..<10: "under 10 ms"
        case ..<1000: "\(duration) ms"
        default: "\(duration / 1000).\(duration % 1000 / 100) s"
        }
    }
}

/// The words and message ids of a server's records that depend on what it serves.
public struct LogTerms: Sendable {
    /// What a request is called.
    public var request = "request"
    /// What a limit is called where it is set.
    public var limitName: @Sendable (PartialKeyPath<Limits>) -> String = { limit in
        switch limit {
        case \.maximumConnections: "the limit on connections"
        case \.maximumConnectionsPerClient: "the limit on connections of one client"
        case \.maximumBufferedBytes: "the limit on bytes held"
        case \.idleTimeout: "the idle timeout"
        case \.drainTimeout: "the drain timeout"
        default: "a limit"
        }
    }
    /// The message id of the record that every connection slot is in use and clients wait (`MESSAGE_ID=`,
    /// systemd.journal-fields(7)); nil for none.
    public var capacityReachedID: String?

    /// General terms, and no message id.
    public init() {}
}
