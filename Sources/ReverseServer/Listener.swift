import Dispatch
import Glibc
import Logging
import ReverseCore
import Sockets
import Synchronization

/// One listening socket: takes clients from the backlog while there is room for them.
///
/// Unchecked as its base is; safe because all that changes is inside `state`.
final class Listener: DescriptorOwner, @unchecked Sendable {
    /// How new clients are served.
    struct Manner: Equatable, Sendable {
        var framing: Framing
        var unit: ReversalUnit
    }

    /// How many clients are accepted in a row before others on the queue have their turn.
    private static let acceptBudget = 64
    /// How long to rest when the system has no descriptor or memory for another client.
    private static let exhaustionPause = DispatchTimeInterval.milliseconds(200)
    /// How long a closing listener waits for the last handshakes, in microseconds.
    private static let handshakeTime: useconds_t = 5000
    /// The log tells at most this often that every place is taken.
    private static let capNoticeInterval: Milliseconds = 60_000

    private struct State: ~Copyable {
        var readiness: Readiness
        var lastReady: Milliseconds = 0
        /// Watched for clients: not before `start`, not while there is no place for one, not after `close`.
        var isAccepting = false
        var isClosed = false
        var manner: Manner
        var nextCapNotice: Milliseconds = 0
    }

    /// Where it listens, and what was asked for.
    let place: ListeningSocket.Place

    private let state: Mutex<State>
    private let surroundings: Readiness.Surroundings
    private let registry: Registry
    private let logger: Logger

    /// Takes over the socket.
    init(
        _ socket: consuming ListeningSocket,
        manner: Manner,
        surroundings: Readiness.Surroundings,
        registry: Registry,
        logger: Logger
    ) {
        place = socket.place
        self.surroundings = surroundings
        self.registry = registry
        self.logger = logger
        state = Mutex(State(readiness: Readiness(surroundings), manner: manner))
        super.init(descriptor: socket.release())
    }

    /// The manner in which the next clients are served.
    var manner: Manner {
        get { state.withLock { $0.manner } }
        set { state.withLock { $0.manner = newValue } }
    }

    /// Begins to accept. The socket has been listening since it was opened, so nobody was refused meanwhile.
    func start() {
        state.withLock { state in
            guard !state.isAccepting, !state.isClosed else { return }
            state.isAccepting = true
            state.readiness.awaitInput(self, isBusy: false)
        }
    }

    /// Closes listeners so that nobody who has connected is reset.
    static func close(_ listeners: [Listener]) {
        let closing = listeners.filter { $0.place.isOurs && $0.place.file == nil }
        for listener in closing { StreamSocket.ignoreNewcomers(on: listener.descriptor) }
        // Those who have sent their SYN but not yet their ACK; one who is farther away than this may be reset.
        if !closing.isEmpty { usleep(handshakeTime) }
        for listener in listeners { listener.close() }
    }

    /// Stops listening. A socket of our own first accepts those who wait in its backlog, as far as there is room; one
    /// that was handed in keeps them for the process that is handed it next.
    private func close() {
        let isFirst = state.withLock { state -> Bool in
            defer {
                state.isClosed = true
                state.isAccepting = false
            }
            return !state.isClosed
        }
        guard isFirst else { return }
        if place.isOurs {
            place.file?.remove()
            acceptWaiting(budget: Int(StreamSocket.maximumBacklog) + 1)
        }
        state.withLock { $0.readiness.stop(self) }
    }

    // MARK: - What the descriptor's watchers call

    override func isReady(scratch: UnsafeMutableRawBufferPointer, now: Milliseconds) {
        acceptWaiting(budget: Self.acceptBudget) { state.withLock { $0.isAccepting } }
        state.withLock { state in
            if now &- state.lastReady <= HotSet.busyTime {
                state.readiness.moveToHotSetIfWatchedBySource(self)
            }
            state.lastReady = now
        }
    }

    override func leaveHotSetIfQuiet(now: Milliseconds) -> Bool {
        state.withLockIfAvailable { state in
            guard state.readiness.isInHotSet else { return true }
            guard now > state.lastReady &+ HotSet.quietTime else { return false }
            state.readiness.leaveHotSet(self)
            return true
        } ?? false
    }

    // Takes no lock: Readiness may call it with the lock held.
    override func descriptorIsFree() {
        Glibc.close(descriptor)
    }

    /// A place is free again.
    func wake() {
        state.withLock { state in
            guard !state.isAccepting, !state.isClosed else { return }
            state.isAccepting = true
            state.readiness.awaitInput(self)
        }
    }

    // MARK: - Accepting

    private func acceptWaiting(budget: Int, while mayAccept: () -> Bool = { true }) {
        var left = budget
        while left > 0, mayAccept() {
            left -= 1
            guard let number = registry.takePlace() else { return restUntilPlaceIsFree() }
            switch StreamSocket.accept(from: descriptor) {
            case .client(let client):
                serve(client, number: number)
            case .gone:
                registry.giveBackPlace()
            case .none:
                registry.giveBackPlace()
                return
            case .exhausted(let error):
                registry.giveBackPlace()
                logger.error("\(error); trying again in a moment")
                return restForAMoment()
            }
        }
    }

    private func serve(_ client: consuming Descriptor, number: UInt64) {
        StreamSocket.disableDelay(client.number)
        let address = SocketAddress.remote(of: client.number) ?? .unix(path: "")
        let manner = manner
        let connection = Connection(
            number: number,
            descriptor: client,
            client: address,
            listenerName: place.name,
            session: Session(
                framing: manner.framing,
                unit: manner.unit,
                maximumLineBytes: registry.policy.maximumLineBytes.load(ordering: .relaxed)
            ),
            surroundings: surroundings,
            registry: registry
        )
        registry.log.connected(connection)
        let isDraining = registry.add(connection)
        connection.start()
        if isDraining { connection.drain() }
    }

    private func restUntilPlaceIsFree() {
        let isNoticed = state.withLock { state -> Bool in
            guard state.isAccepting, registry.wakeLater(self) else { return false }
            state.isAccepting = false
            state.readiness.pause(self)
            let now = Clock.now()
            defer { state.nextCapNotice = now &+ Self.capNoticeInterval }
            return now >= state.nextCapNotice
        }
        if isNoticed { registry.log.capReached(registry.capacity, on: place.name) }
    }

    private func restForAMoment() {
        let rests = state.withLock { state -> Bool in
            guard state.isAccepting else { return false }
            state.isAccepting = false
            state.readiness.pause(self)
            return true
        }
        guard rests else { return }
        surroundings.queue.asyncAfter(deadline: .now() + Self.exhaustionPause) { self.wake() }
    }
}
