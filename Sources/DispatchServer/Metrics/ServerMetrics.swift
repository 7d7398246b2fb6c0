import CoreMetrics

/// The words in the names of a server's metrics.
public struct MetricsTerms: Sendable {
    /// The prefix of each name.
    public var prefix = "server"
    /// The word for requests.
    public var requests = "requests"
    /// The word for one request.
    public var request = "request"
    /// The label for the kinds of requests.
    public var kind = "kind"

    /// General terms.
    public init() {}

    /// The metrics of a server.
    public var metrics: [Metric<Statistics>] {
        typealias Sample = Metric<Statistics>.Sample
        func name(_ rest: String) -> String { "\(prefix)_\(rest)" }
        let kind = kind
        return [
            Metric(.gauge, name("connections"), "Clients connected now.") { .level(Double($0.connections)) },
            Metric(
                .gauge,
                name("connection_slots"),
                "How many clients can be connected at once; more wait in the backlog."
            ) { .level(Double($0.slots)) },
            Metric(.counter, name("connections_accepted_total"), "Clients accepted.") { .count($0.accepted) },
            Metric(.counter, name("connections_ended_total"), "Connections that ended, by reason.") {
                statistics in
                Set(EndReason.names).union(statistics.ended.keys).sorted().map {
                    Sample(.count(statistics.ended[$0] ?? 0), labels: [("reason", $0)])
                }
            },
            Metric(
                .counter,
                name("accept_pauses_total"),
                "How often a listener paused because every connection slot was in use."
            ) { .count(UInt64(clamping: $0.pauses)) },
            Metric(
                .counter,
                name("accept_paused_seconds_total"),
                "How long listeners have been paused in total."
            ) { .seconds($0.pausedTime.inSeconds) },
            Metric(
                .counter,
                name("clients_refused_total"),
                "Clients refused because their address had as many connections as one client may have."
            ) { .count($0.refusedPerClient) },
            Metric(
                .counter,
                name("proxy_header_failures_total"),
                "Connections closed for their PROXY header, by reason."
            ) { statistics in
                ProxyHeaderFailure.allCases.map {
                    Sample(
                        .count(statistics.proxyHeaderFailures[$0] ?? 0),
                        labels: [("reason", $0.rawValue)]
                    )
                }
            },
            Metric(
                .gauge,
                name("client_memory_bytes"),
                "Memory held for all clients: incomplete requests, and answers that were not taken."
            ) { .level(Double($0.bufferedBytes)) },
            Metric(.gauge, name("client_memory_limit_bytes"), "How much memory may be held for all clients.")
            {
                .level(Double($0.maximumBufferedBytes))
            },
            Metric(
                .gauge,
                name("clients_waiting_for_memory"),
                "Clients that wait now because no more memory may be held."
            ) { .level(Double($0.waitingForMemory)) },
            Metric(
                .counter,
                name("untaken_answer_bytes_total"),
                "Bytes of answers that clients had not taken when the server ended their connections."
            ) { .count($0.untakenBytes) },
            Metric(.gauge, name("accept_paused_listeners"), "Listeners that are paused now.") {
                .level(Double($0.pausedListeners))
            },
            Metric(.counter, name("\(requests)_total"), "Answered \(requests)\(ofKind).") { statistics in
                statistics.kinds.isEmpty
                    ? [Sample(.count(statistics.requests))]
                    : statistics.kinds.map { Sample(.count($0.requests), labels: [(kind, $0.name)]) }
            },
            Metric(
                .counter,
                name("\(request)_content_bytes_total"),
                "The bytes of answered \(requests), without their ends\(ofKind)."
            ) { statistics in
                statistics.kinds.map { Sample(.count($0.bytes), labels: [(kind, $0.name)]) }
            },
            Metric(.counter, name("received_bytes_total"), "Bytes received from clients.") {
                .count($0.bytes)
            },
            Metric(
                .histogram,
                name("\(request)_bytes"),
                "The sizes of answered \(requests), without their ends."
            ) {
                .histogram($0.sizes, unit: 1)
            },
            Metric(
                .histogram,
                name("service_seconds"),
                "Time to receive, answer and send at one event; one event in \(Counters.timedShare) is measured."
            ) { .histogram($0.serviceTimes, unit: 1e-9) },
            Metric(.gauge, name("hot_loops"), "Hot loops that share the load.") {
                .level(Double($0.hotLoops))
            },
            Metric(.gauge, name("hot_loop_connections"), "Connections that hot loops serve now.") {
                .level(Double($0.hotLoopConnections))
            },
            Metric(
                .counter,
                name("log_omitted_messages_total"),
                "Messages about clients omitted from the log because there were too many."
            ) { .count($0.omittedMessages) },
        ]
    }

    private var ofKind: String { kind == "kind" ? "" : ", by \(kind)" }
}

extension Duration {
    fileprivate var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
