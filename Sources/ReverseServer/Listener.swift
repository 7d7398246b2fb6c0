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
    /// The log tells at most this often that every place is taken.
    private static let capNoticeInterval: Milliseconds = 60_000

    private struct State: ~Copyable {
        var source: (any DispatchSourceRead)?
        var isSuspended = false
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
        state = Mutex(State(manner: manner))
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
            guard state.source == nil, !state.isClosed else { return }
            let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: surroundings.queue)
            source.setEventHandler { self.acceptWaiting(budget: Self.acceptBudget) }
            source.setCancelHandler { self.descriptorIsFree() }
            state.source = source
            source.activate()
        }
    }

    /// Stops listening. A socket of our own first accepts those who wait in its backlog, as far as there is room; one
    /// that was handed in keeps them for the process that is handed it next.
    func close() {
        if place.isOurs {
            acceptWaiting(budget: .max)
            place.file?.remove()
        }
        state.withLock { state in
            guard !state.isClosed else { return }
            state.isClosed = true
            guard let source = state.source else { return descriptorIsFree() }
            source.cancel()
            if state.isSuspended { source.resume() }
            state.isSuspended = false
        }
    }

    override func descriptorIsFree() {
        Glibc.close(descriptor)
    }

    /// A place is free again.
    func wake() {
        state.withLock { state in
            guard state.isSuspended else { return }
            state.isSuspended = false
            state.source?.resume()
        }
    }

    // MARK: - Accepting

    private func acceptWaiting(budget: Int) {
        var left = budget
        while left > 0 {
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
        registry.add(connection)
        registry.log.connected(connection)
        connection.start()
    }

    private func restUntilPlaceIsFree() {
        let isNoticed = state.withLock { state -> Bool in
            guard !state.isSuspended, !state.isClosed, let source = state.source else { return false }
            source.suspend()
            guard registry.wakeLater(self) else {
                source.resume()
                return false
            }
            state.isSuspended = true
            let now = Clock.now()
            defer { state.nextCapNotice = now &+ Self.capNoticeInterval }
            return now >= state.nextCapNotice
        }
        if isNoticed { registry.log.capReached(registry.capacity, on: place.name) }
    }

    private func restForAMoment() {
        let rests = state.withLock { state -> Bool in
            guard !state.isSuspended, !state.isClosed, let source = state.source else { return false }
            source.suspend()
            state.isSuspended = true
            return true
        }
        guard rests else { return }
        surroundings.queue.asyncAfter(deadline: .now() + Self.exhaustionPause) { self.wake() }
    }
}
