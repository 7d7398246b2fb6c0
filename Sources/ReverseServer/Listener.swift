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
    /// How long a handshake that has begun may take to reach the backlog of a listener that is retired.
    static let handshakeTime = DispatchTimeInterval.milliseconds(50)
    /// The log tells at most this often that every place is taken.
    private static let capNoticeInterval: Milliseconds = 60_000

    private struct State: ~Copyable {
        var readiness: Readiness
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

    /// Lets nobody come any more; those who are on their way are accepted until `close`. A socket that was handed in
    /// goes on: its clients are those of the process that is handed it next.
    func retire() {
        guard place.isOurs else { return }
        if let file = place.file { file.remove() } else { StreamSocket.ignoreNewcomers(on: descriptor) }
    }

    /// Stops listening. A socket of our own first accepts those who wait in its backlog, as far as there is room.
    func close() {
        let isFirst = state.withLock { state -> Bool in
            defer {
                state.isClosed = true
                state.isAccepting = false
            }
            return !state.isClosed
        }
        guard isFirst else { return }
        if place.isOurs {
            retire()
            acceptWaiting(budget: Int(StreamSocket.maximumBacklog) + 1)
        }
        state.withLock { $0.readiness.stop(self) }
    }

    // MARK: - What the descriptor's watchers call

    override func isReady(scratch: UnsafeMutableRawBufferPointer, now: Milliseconds) {
        acceptWaiting(budget: Self.acceptBudget) { state.withLock { $0.isAccepting } }
        state.withLock { state in
            state.readiness.noteEvent(self, now: now)
        }
    }

    override func leaveHotSetIfQuiet(since start: Milliseconds) -> Bool {
        state.withLockIfAvailable { $0.readiness.leaveHotSetIfQuiet(self, since: start) } ?? false
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
