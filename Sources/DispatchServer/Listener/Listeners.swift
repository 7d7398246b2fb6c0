import Glibc
import Sockets
import Synchronization

/// The listeners of a server: opened, replaced by a reload, and closed, always on the control queue.
final class Listeners: Sendable {
    private struct Contents {
        var current: [Listener] = []
        /// Removed by a reload and not closed yet: they still accept clients whose handshakes have begun.
        var leaving: [Listener] = []
        /// How many are not closed yet, including the leaving ones.
        var open = 0
        var whenAllClosed: (@Sendable () -> Void)?
        /// Whether the sockets that this server opened are stored for the next process.
        var isStoring: Bool
        /// The names of those that are stored.
        var stored: [ObjectIdentifier: String] = [:]
        var lastStoredNumber: UInt64 = 0
    }

    /// Called when the last listener dies, not when the server closes it.
    let onLoss: @Sendable () -> Void

    private let server: ServerCore
    private let store: ListenerStore?
    private let contents: Mutex<Contents>

    /// - Parameters:
    ///   - store: Keeps listening sockets for the next process.
    ///   - isStoring: Whether to use it at first.
    init(
        _ server: ServerCore,
        store: ListenerStore? = nil,
        isStoring: Bool = true,
        onLoss: @escaping @Sendable () -> Void
    ) {
        self.server = server
        self.store = store
        self.onLoss = onLoss
        contents = Mutex(Contents(isStoring: isStoring))
    }

    var addresses: [String] { current.map(\.address.name) }

    /// Whether the sockets were handed in, so that a reload does not touch them.
    var areHandedIn: Bool { current.contains { !$0.address.isOurs } }

    private var current: [Listener] { contents.withLock { $0.current } }
    private var all: [Listener] { contents.withLock { $0.current + $0.leaving } }

    // MARK: - Opening

    /// - Throws: `SystemError` for a descriptor that cannot be used.
    func adopt(_ descriptors: [Int32], sessions: (SocketAddress) -> SessionMaker) throws {
        let leaving = current
        let adopted = try descriptors.map { number in
            let socket = try ListeningSocket(adopting: Descriptor(owning: number))
            let makeSession = sessions(socket.identity.address)
            return make(socket, makeSession)
        }
        contents.withLock { $0.current = adopted }
        for listener in adopted { listener.start() }
        for listener in leaving { listener.leave() }
        updateStore()
    }

    /// Sets how sessions of later clients are made.
    func setSessions(_ sessions: (SocketAddress) -> SessionMaker) {
        for listener in current { listener.setSessions(sessions(listener.address.address)) }
    }

    /// Opens and starts new listeners, and lets those leave that are not in the plans.
    ///
    /// - Throws: `ListenError`, and then nothing has changed.
    func replace(with plans: [ListenerPlan]) throws {
        guard !plans.isEmpty else { throw ListenError(reasons: ["there is no address to listen on"]) }
        let current = current
        // Match one to one: with port 0 several listeners may have the same address, each with its own options.
        var unclaimed = current.filter { $0.address.file?.isOurs ?? true }
        let claims = plans.map { plan in
            plan.requests.compactMap { request in
                unclaimed.firstIndex { $0.address.request == request }.map { unclaimed.remove(at: $0) }
            }
        }
        let staying = claims.flatMap { $0 }
        let leaving = current.filter { listener in !staying.contains { $0 === listener } }
        let opened = try open(plans, claims, leaving: leaving)

        for (plan, claimed) in zip(plans, claims) {
            for listener in claimed {
                listener.setSessions(plan.makeSession)
                do { try listener.address.file?.permit(plan.mode) } catch { server.log.warn("\(error)") }
            }
        }
        contents.withLock { contents in
            contents.current = staying + opened
            contents.leaving += leaving
        }
        for listener in staying + opened { listener.start() }
        for listener in leaving { listener.leave() }
        updateStore()
    }

    private func open(
        _ plans: [ListenerPlan],
        _ claims: [[Listener]],
        leaving: [Listener]
    ) throws -> [Listener] {
        // 127.0.0.1:5000 may become 0.0.0.0:5000: leaving listeners allow new ones to overlap them.
        for listener in leaving { listener.allowOverlap(true) }
        // An earlier reload may have taken an address away that this one brings back.
        let overlaps = !leaving.isEmpty || contents.withLock { !$0.leaving.isEmpty }
        let lock = DirectoryLock(of: plans.flatMap(\.socketPaths))
        defer { lock.release() }
        var opened: [Listener] = []
        var reasons: [String] = []
        for (plan, claimed) in zip(plans, claims) {
            let isOpen = { request in claimed.contains { $0.address.request == request } }
            do {
                try plan.open(unless: isOpen, overlappingOurOwn: overlaps) { socket in
                    opened.append(make(socket, plan.makeSession))
                }
            } catch {
                reasons.append("\(error)")
            }
        }
        guard !reasons.isEmpty else { return opened }
        for listener in opened {
            listener.address.file?.remove()
            listener.close()
        }
        for listener in leaving { listener.allowOverlap(false) }
        throw ListenError(reasons: reasons)
    }

    private func make(_ socket: consuming ListeningSocket, _ makeSession: SessionMaker) -> Listener {
        contents.withLock { $0.open += 1 }
        return Listener(socket, makeSession: makeSession, server: server) { [weak self] in self?.closed($0) }
    }

    // MARK: - The next process

    /// Adopts sockets that the previous process has stored. They do not accept yet: `replace` or `adopt` decides which of them
    /// stay.
    func adoptStored(_ stored: [StoredListener], sessions: SessionMaker) {
        for each in stored {
            let descriptor = Descriptor(owning: each.descriptor)
            do {
                guard let name = StoredListenerName(each.name) else {
                    throw SystemError("use a stored socket", code: EINVAL)
                }
                let listener = make(try ListeningSocket(stored: descriptor, as: name), sessions)
                contents.withLock { contents in
                    contents.current.append(listener)
                    contents.stored[ObjectIdentifier(listener)] = each.name
                    contents.lastStoredNumber = max(contents.lastStoredNumber, name.number)
                }
            } catch {
                server.log.warn("\(error): \(each.name) is closed")
                store?.remove(each.name)
            }
        }
    }

    func setStoring(_ isStoring: Bool) {
        contents.withLock { $0.isStoring = isStoring }
        updateStore()
    }

    /// Updates the store to the current listeners.
    private func updateStore() {
        guard let store else { return }
        let (removed, added) = contents.withLock { contents -> ([String], [(Listener, String)]) in
            let wanted = contents.isStoring ? contents.current.filter { $0.address.isOurs } : []
            let wantedNow = Set(wanted.map(ObjectIdentifier.init))
            let removed = contents.stored.filter { !wantedNow.contains($0.key) }
            for key in removed.keys { contents.stored[key] = nil }
            let added = wanted.filter { contents.stored[ObjectIdentifier($0)] == nil }.map { listener in
                contents.lastStoredNumber &+= 1
                let name = StoredListenerName(
                    number: contents.lastStoredNumber,
                    kind: listener.address.storedKind
                ).text
                contents.stored[ObjectIdentifier(listener)] = name
                return (listener, name)
            }
            return (removed.values.sorted(), added)
        }
        for name in removed { store.remove(name) }
        for (listener, name) in added { listener.withOpenSocket { store.store($0, name) } }
    }

    /// Whether leaving listeners still accept clients.
    var areLeaving: Bool { contents.withLock { $0.open > $0.current.count } }

    /// Stops accepting until `release`.
    ///
    /// - Parameter leavingToo: Whether leaving listeners stop, too.
    func hold(leavingToo: Bool = false) {
        for listener in leavingToo ? all : current { listener.hold() }
    }

    /// Accepts again after `hold`.
    func release() {
        for listener in all { listener.release() }
    }

    // MARK: - Closing

    /// Lets every listener leave, and calls `completion` when all are closed.
    func leave(_ completion: @escaping @Sendable () -> Void) {
        let (leaving, isClosed) = contents.withLock { contents -> ([Listener], Bool) in
            if contents.open > 0 { contents.whenAllClosed = completion }
            contents.isStoring = false
            return (contents.current, contents.open == 0)
        }
        updateStore()
        if isClosed { return completion() }
        for listener in leaving { listener.leave() }
    }

    /// Closes listeners whose descriptors the system cannot watch. Returns the failures of other descriptors.
    func giveUp(_ failures: [Int32: Int32]) -> [Int32: Int32] {
        var failures = failures
        for listener in all {
            if let code = failures.removeValue(forKey: listener.descriptor) { listener.giveUp(code) }
        }
        return failures
    }

    /// Closes every listener at once.
    func close() {
        for listener in all { listener.close() }
    }

    private func closed(_ listener: Listener) {
        var lost: [String] = []
        let completion = contents.withLock { contents -> (@Sendable () -> Void)? in
            let count = contents.current.count
            contents.current.removeAll { $0 === listener }
            contents.stored[ObjectIdentifier(listener)].map { lost.append($0) }
            contents.stored[ObjectIdentifier(listener)] = nil
            let wasCurrent = contents.current.count < count
            contents.leaving.removeAll { $0 === listener }
            contents.open -= 1
            guard contents.open == 0 else { return nil }
            defer { contents.whenAllClosed = nil }
            return contents.whenAllClosed ?? (wasCurrent ? onLoss : nil)
        }
        for name in lost { store?.remove(name) }
        completion?()
    }
}
