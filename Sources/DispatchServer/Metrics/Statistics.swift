/// The counters of a server since its start, and its current levels.
public struct Statistics: Equatable, Sendable {
    /// The requests of one kind.
    public struct Kind: Equatable, Sendable {
        /// Its name in the session's `requestKinds`.
        public var name: String
        /// Requests answered so far.
        public var requests: UInt64
        /// The bytes of these requests, as the session counted them.
        public var bytes: UInt64
    }

    /// Clients connected now.
    public var connections = 0
    /// How many clients can be connected at once.
    public var slots = 0
    /// Clients accepted so far.
    public var accepted: UInt64 = 0
    /// Connections that have ended so far, by the reason: `client_closed`, `completed`, `refused`,
    /// `first_request_timeout`, `idle_timeout`, `server_stopped`, `drain_timeout`, `connection_lost`, `memory`, `proxy_header`,
    /// `too_many_connections`, `not_taken_over`.
    public var ended: [String: UInt64] = [:]
    /// Connections closed so far for their PROXY header, by its fault.
    public var proxyHeaderFailures: [ProxyHeaderFailure: UInt64] = [:]
    /// Clients refused so far because of the limit for one client.
    public var refusedPerClient: UInt64 = 0
    /// Bytes held now for all clients: incomplete requests, and answers that they have not taken.
    public var bufferedBytes = 0
    /// How many bytes may be held for all clients.
    public var maximumBufferedBytes = 0
    /// Clients that wait now because `maximumBufferedBytes` is reached.
    public var waitingForMemory = 0
    /// Bytes of answers that were unacknowledged when the server ended the connections.
    public var untakenBytes: UInt64 = 0
    /// How often a listener has paused because no slot was free.
    public var pauses = 0
    /// How long listeners have been paused in total.
    public var pausedTime = Duration.zero
    /// Listeners that are paused now.
    public var pausedListeners = 0
    /// Requests answered so far.
    public var requests: UInt64 = 0
    /// Bytes received so far.
    public var bytes: UInt64 = 0
    /// The requests that the sessions have counted, by kind.
    public var kinds: [Kind] = []
    /// Their sizes in bytes.
    public var sizes = Histogram(bounds: RequestTally.sizeBounds)
    /// The time to receive, answer and send, in nanoseconds, of one event in 16.
    public var serviceTimes = Histogram(bounds: Counters.serviceTimeBounds)
    /// Hot loops that share the load.
    public var hotLoops = 0
    /// Connections that are served by hot loops now.
    public var hotLoopConnections = 0
    /// Messages about clients omitted from the log, because there were too many.
    public var omittedMessages: UInt64 = 0

    /// All counters and levels 0.
    public init() {}
}

extension Statistics {
    /// The statistics of `core`, whose sessions count these kinds of requests.
    init(_ core: ServerCore, kinds names: [String]) {
        connections = core.connections.count
        slots = core.connections.capacity
        accepted = core.connections.accepted
        ended = core.connections.ends
        proxyHeaderFailures = core.connections.proxyHeaderFailures
        refusedPerClient = core.connections.refused
        bufferedBytes = core.memory.used
        maximumBufferedBytes = core.memory.maximum
        waitingForMemory = core.memory.waitingConnections
        untakenBytes = core.connections.untakenBytes
        let (count, time) = core.connections.pauses
        pauses = count
        pausedTime = .milliseconds(Int64(clamping: time))
        pausedListeners = core.connections.waiting.count
        hotLoops = core.loops.count
        hotLoopConnections = core.loops.memberCount
        omittedMessages = core.log.omittedMessages
        kinds = names.prefix(RequestTally.maximumKinds).map { Kind(name: $0, requests: 0, bytes: 0) }
        for worker in core.workers.all {
            requests &+= worker.counters.requests
            bytes &+= worker.counters.bytes
            sizes.add(worker.tally.sizes)
            serviceTimes.add(worker.counters.serviceTimes)
            for kind in kinds.indices {
                kinds[kind].requests &+= worker.tally.requests(ofKind: kind)
                kinds[kind].bytes &+= worker.tally.bytes(ofKind: kind)
            }
        }
    }
}
