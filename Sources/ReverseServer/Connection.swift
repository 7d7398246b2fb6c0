import Glibc
import ReverseCore
import Sockets
import Synchronization

/// One client: receives, lets its session answer in place, sends.
///
/// A connection is confined by its lock: whoever holds it (a handler on the clients' queue, the sweep, the drain)
/// moves it one bounded step, and nobody else touches its socket.
///
/// (The way that is often taken, `shutdown(SHUT_RD)` from another thread so that the connection's own handler sees an
/// end-of-file, loses answers on Linux: with the receiving side shut, a line that arrives after our FIN is answered by
/// a RST, which destroys answers that are still under way.)
///
/// Unchecked as its base is; safe because all that changes is inside `state`.
final class Connection: DescriptorOwner, @unchecked Sendable {
    /// Where the conversation is.
    enum Phase {
        /// Requests are read and answered. While the server is stopping, the `remaining` bytes that had arrived are
        /// still read, nothing later.
        case conversing(remaining: Int?)
        /// The socket takes no more: nothing is read until the first `unsent` held bytes are out.
        case flushing(unsent: Int, then: Continuation)
        /// Our FIN is sent. What comes is thrown away until the client's end-of-file, `allowance` bytes or `deadline`.
        case lingering(allowance: Int, deadline: Milliseconds)
        case closed
    }

    /// What follows when blocked output is out.
    enum Continuation {
        case converse(remaining: Int?)
        case finish(Departure)
    }

    struct State: ~Copyable, Sendable {
        var phase = Phase.conversing(remaining: nil)
        var session: Session
        /// Answers that the socket did not take, then a partial line.
        var held = HeldBytes()
        var readiness: Readiness
        /// When a request was last answered or blocked output last moved on: what the idle timeout counts from.
        var lastProgress: Milliseconds
        /// While output is blocked: how much of what was sent the client had not taken when that was last looked at.
        var untaken = 0
        var requests: UInt64 = 0
        var bytes: UInt64 = 0
        var departure = Departure.finished
    }

    /// Counts up from 1 for the life of the server.
    let number: UInt64
    let client: SocketAddress
    let listenerName: String
    let connectedAt = Clock.now()

    let registry: Registry
    private let state: Mutex<State>

    /// Takes over the descriptor, which is closed, and the registry told, when the conversation is over.
    init(
        number: UInt64,
        descriptor: consuming Descriptor,
        client: SocketAddress,
        listenerName: String,
        session: Session,
        surroundings: Readiness.Surroundings,
        registry: Registry
    ) {
        self.number = number
        self.client = client
        self.listenerName = listenerName
        self.registry = registry
        state = Mutex(
            State(
                session: session,
                readiness: Readiness(surroundings),
                lastProgress: connectedAt
            )
        )
        super.init(descriptor: descriptor.release())
    }

    /// Begins to serve the client.
    func start() {
        state.withLock { $0.readiness.awaitInput(self) }
    }

    // MARK: - What the descriptor's watchers call

    override func isReady(scratch: UnsafeMutableRawBufferPointer, now: Milliseconds) {
        state.withLock { state in
            switch state.phase {
            case .conversing(let remaining): converse(&state, scratch, remaining: remaining, now)
            case .flushing(let unsent, let next): flush(&state, unsent: unsent, then: next, now)
            case .lingering(let allowance, let deadline): discard(&state, scratch, allowance, deadline)
            case .closed: return
            }
            state.readiness.noteEvent(self, now: now)
        }
    }

    override func writeSourceIsAway() {
        state.withLock { $0.readiness.writeSourceIsAway(self) }
    }

    override func leaveHotSetIfQuiet(since start: Milliseconds) -> Bool {
        // Whoever holds the lock is busy with this connection, so it is not quiet.
        state.withLockIfAvailable { $0.readiness.leaveHotSetIfQuiet(self, since: start) } ?? false
    }

    // Takes no lock: Readiness may call it with the lock held.
    override func descriptorIsFree() {
        Glibc.close(descriptor)
        registry.remove(self)
    }

    // MARK: - What the server calls

    /// How long after its arrival a client may still send its first line to a server that is stopping.
    private static let firstLinePatience: Milliseconds = 200

    /// The server is stopping: what has arrived by now is answered, nothing later. A client that has only just come and
    /// said nothing yet gets a moment to say it: it connected to a server that served, and knows of no stop.
    func drain() {
        state.withLock { state in
            switch state.phase {
            case .conversing(remaining: nil):
                let arrived = StreamSocket.unreadBytes(of: descriptor)
                if arrived == 0, state.requests == 0, Clock.now() < connectedAt &+ Self.firstLinePatience {
                    registry.later(Self.firstLinePatience) { self.drain() }
                    return
                }
                state.phase = .conversing(remaining: arrived)
                if arrived == 0 { finishDrained(&state) }
            case .flushing(let unsent, then: .converse(remaining: nil)):
                let arrived = StreamSocket.unreadBytes(of: descriptor)
                state.phase = .flushing(unsent: unsent, then: .converse(remaining: arrived))
            case .conversing, .flushing, .lingering, .closed: break
            }
        }
    }

    /// Ends the conversation of a client that has been idle, and closes one that has lingered long enough. A
    /// connection that is being served at this moment is neither.
    ///
    /// - Parameter idleTimeout: 0 for never.
    func sweep(now: Milliseconds, idleTimeout: Milliseconds) {
        _ = state.withLockIfAvailable { state in
            switch state.phase {
            case .conversing:
                if idleTimeout > 0, now > state.lastProgress &+ idleTimeout { finish(&state, .idle) }
            case .flushing:
                guard idleTimeout > 0, now > state.lastProgress &+ idleTimeout else { return }
                // The socket's buffer is large: a client may be reading although there is no room for more yet.
                let untaken = StreamSocket.untakenBytes(of: descriptor)
                guard untaken < state.untaken else { return close(&state, .idle) }
                state.untaken = untaken
                state.lastProgress = now
            case .lingering(_, let deadline):
                if now > deadline { close(&state, state.departure) }
            case .closed: break
            }
        }
    }

    /// Closes at once, whatever the client is owed. Returns false if the conversation was over already.
    func abort() -> Bool {
        state.withLock { state in
            switch state.phase {
            case .closed: return false
            case .lingering:
                close(&state, state.departure)
                return false
            case .conversing, .flushing:
                close(&state, .drainTimeout)
                return true
            }
        }
    }
}
