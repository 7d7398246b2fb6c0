import Logging
import Sockets
import Synchronization

/// The log's data about a connection that has ended.
struct Ended {
    var connection: UInt64
    var client: SocketAddress
    /// The load balancer, if any.
    var proxy: SocketAddress?
    var listener: String
    var requests: UInt64
    var bytes: UInt64
    var duration: Milliseconds
    /// How many bytes of answers were unacknowledged, if the server ended it.
    var untaken: Int
    var reason: EndReason
}

/// All messages of a server. Metadata keys are the names of journal fields in lower case.
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

    /// How many messages about clients were omitted because there were too many.
    var omittedMessages: UInt64 { omitted.load(ordering: .relaxed) }

    init(logger: Logger, terms: LogTerms, logsConnections: Bool) {
        self.logger = logger
        self.terms = terms
        self.logsConnections = Atomic(logsConnections)
    }

    func setLogsConnections(_ value: Bool) { logsConnections.store(value, ordering: .relaxed) }

    // MARK: - Connections

    /// - Parameter proxy: The load balancer, if any.
    func connected(
        _ number: UInt64,
        _ client: SocketAddress,
        proxy: SocketAddress? = nil,
        listener: String
    ) {
        guard logsConnections.load(ordering: .relaxed), admits(\.connections, .info) else { return }
        var metadata: Logger.Metadata = [
            "client": "\(client)", "connection": "\(number)", "listener": "\(listener)",
        ]
        if let proxy { metadata["proxy"] = "\(proxy)" }
        logger.info("connected \(client)\(proxy.map { " through \($0)" } ?? "")", metadata: metadata)
    }

    /// A peer was disconnected before its first request.
    func refused(_ peer: SocketAddress, _ failure: ProxyHeaderFailure, listener: String) {
        guard admits(\.refusals, .notice) else { return }
        logger.notice(
            "refused \(peer): \(failure.explanation)",
            metadata: ["client": "\(peer)", "listener": "\(listener)"]
        )
    }

    func disconnected(_ ended: Ended) {
        // A refused client is logged even if ordinary disconnections are not.
        let isRefused =
            switch ended.reason {
            case .refused, .proxyHeader: true
            default: false
            }
        guard isRefused || logsConnections.load(ordering: .relaxed) else { return }
        guard isRefused ? admits(\.refusals, .notice) : admits(\.connections, .info) else { return }
        let untaken = ended.untaken > 0 ? ", \(ended.untaken) bytes of answers were not taken" : ""
        let explanation = ended.reason.explanation(terms).map { ": \($0)\(untaken)" } ?? ""
        let requests = "\(ended.requests) \(terms.request)\(ended.requests == 1 ? "" : "s")"
        var metadata: Logger.Metadata = [
            "client": "\(ended.client)",
            "connection": "\(ended.connection)",
            "listener": "\(ended.listener)",
            "lines": "\(ended.requests)",
            "bytes": "\(ended.bytes)",
            "duration": "\(ended.duration)",
        ]
        if let proxy = ended.proxy { metadata["proxy"] = "\(proxy)" }
        logger.log(
            level: isRefused ? .notice : .info,
            "disconnected \(ended.client) after \(requests), \(Self.text(ended.duration))\(explanation)",
            metadata: metadata
        )
    }

    /// A client was refused because of the limit for one client.
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

    /// Counts a message, and returns whether to log it.
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

    /// Logs how many messages were omitted, if no later message has reported that. Call it from time to time.
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

    // MARK: - Other messages

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

    /// The clock is accurate to a few milliseconds, so shorter times are not distinguished.
    private static func text(_ duration: Milliseconds) -> String {
        switch duration {
        case ..<10: "under 10 ms"
        case ..<1000: "\(duration) ms"
        default: "\(duration / 1000).\(duration % 1000 / 100) s"
        }
    }
}

/// The words and message ids in the log of a server that depend on the program.
public struct LogTerms: Sendable {
    /// The word for a request.
    public var request = "request"
    /// The name of a limit in the program's settings.
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
    /// The message id of the record that all connection slots are in use and clients wait (`MESSAGE_ID=`,
    /// systemd.journal-fields(7)); nil for none.
    public var capacityReachedID: String?

    /// Makes general terms, without a message id.
    public init() {}
}
