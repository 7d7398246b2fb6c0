import Glibc

/// A socket of the server that is not connected: new, bound or listening.
public final class ListeningFile: File {
    public internal(set) var address: Address?
    let family: Int32
    var reusesPort = false
    var isIPv6Only = false
    var isListening = false
    var backlogLimit = 0
    var backlog: [Peer] = []
    var handshakes: [Peer] = []
    var ignoresNewcomers = false { didSet { if leftAt == nil { leftAt = world.now } } }
    /// Another process has shut it down.
    public private(set) var isDead = false
    /// Whether an injected error allows the server to close it while clients wait there.
    public var hadFault = false
    /// Since when a client waits in its backlog.
    var waitingSince: Nanoseconds?
    /// Since when no client is on the way to it, nor can be.
    var emptySince: Nanoseconds? {
        guard let leftAt, backlog.isEmpty, handshakes.isEmpty else { return nil }
        return max(leftAt, lastVisit)
    }
    private var leftAt: Nanoseconds?
    private var lastVisit: Nanoseconds = 0
    /// The system refuses to accept until then, with this error.
    var refusal: (code: Int32, until: Nanoseconds)?

    init(_ world: World, family: Int32) {
        self.family = family
        super.init(world)
    }

    override var kind: String { isListening ? "listener \(address.map { "\($0)" } ?? "")" : "socket" }
    override var readiness: Readiness {
        isDead ? [.input, .hangup] : backlog.isEmpty ? [] : .input
    }

    func listen(_ limit: Int) {
        backlogLimit = max(1, limit)
        isListening = true
        world.kernel.listeners.append(self)
    }

    public func die() {
        world.trace("\(name) is shut down by another process")
        isDead = true
        hadFault = true
        changed()
    }

    /// Whether clients can connect; a dead one counts until the server has noticed it.
    public var takesNewClients: Bool { isListening && !ignoresNewcomers }

    /// Whether a client of this address finds the listener.
    func serves(_ target: Address) -> Bool {
        guard isListening, !ignoresNewcomers, !isDead, let address else { return false }
        if address == target { return true }
        guard address.isWildcard, address.port == target.port, target.port != nil else { return false }
        switch (address, target) {
        case (.ipv4, .ipv4), (.ipv6, .ipv6): return true
        case (.ipv6, .ipv4): return !isIPv6Only
        default: return false
        }
    }

    func begin(_ peer: Peer) {
        let isLocal = if case .unix = address { true } else { false }
        handshakes.append(peer)
        if isLocal { return complete(peer) }
        world.scheduler.after(world.random.next() % min(world.conditions.latency, .milliseconds(30)) + 1000) {
            [weak self] in
            self?.complete(peer)
        }
    }

    private func complete(_ peer: Peer) {
        guard let index = handshakes.firstIndex(where: { $0 === peer }) else { return }
        handshakes.remove(at: index)
        backlog.append(peer)
        if waitingSince == nil { waitingSince = world.now }
        changed()
    }

    func accept() -> ClientSocket? {
        guard !backlog.isEmpty else { return nil }
        let peer = backlog.removeFirst()
        lastVisit = world.now
        waitingSince = backlog.isEmpty ? nil : world.now
        return peer.socket
    }

    override func closed() {
        world.kernel.listeners.removeAll { $0 === self }
        let lost = backlog + handshakes
        backlog = []
        handshakes = []
        // A failed reload takes a listener back that was never in use. Clients of a wildcard address may have met it there.
        if !lost.isEmpty, wasWatched, !hadFault, !world.judge.isOver(world.now) {
            world.fail("\(kind) is closed with \(lost.count) clients in its backlog")
        }
        for peer in lost { peer.socket.resetByServer() }
    }
}

/// The server's end of a connection.
public final class ClientSocket: File {
    public let peer: Peer
    let isLocal: Bool
    var inbound = Bytes()
    var outbound = Bytes()
    fileprivate(set) var inboundCapacity: Int
    let outboundCapacity: Int
    var hasPeerFIN = false
    var sentFIN = false
    /// SO_ERROR.
    var pendingError: Int32 = 0
    var wasReset = false
    /// SO_LINGER without time.
    public var resetsOnClose = false
    /// How many calls in a row had no effect.
    public internal(set) var fruitless = 0 {
        didSet { if fruitless > 0 { lastFruitless = world.now } }
    }
    /// When a call last had no effect.
    private(set) var lastFruitless: Nanoseconds = 0
    public let account: Account
    private var isSending = false

    init(_ world: World, _ peer: Peer, isLocal: Bool) {
        self.peer = peer
        self.isLocal = isLocal
        inboundCapacity = world.random.pick([600, 4096, 16 << 10, 64 << 10, 200 << 10])
        outboundCapacity = world.random.pick([700, 4096, 16 << 10, 64 << 10, 200 << 10])
        account = Account(world)
        super.init(world)
        account.socket = self
    }

    override var kind: String { "client \(peer.id) at" }

    override var readiness: Readiness {
        var ready: Readiness = []
        if !inbound.isEmpty || hasPeerFIN || wasReset { ready.insert(.input) }
        if wasReset || sentFIN || hasSpace { ready.insert(.output) }
        if pendingError != 0 { ready.insert(.error) }
        if wasReset || hasPeerFIN && sentFIN { ready.insert(.hangup) }
        return ready
    }

    var hasSpace: Bool { outbound.count <= outboundCapacity * 2 / 3 }
    var isReadable: Bool { !inbound.isEmpty || hasPeerFIN || wasReset }

    // MARK: - The server's calls

    func receive(_ space: UnsafeMutableRawBufferPointer, peeks: Bool) -> Int {
        if inbound.isEmpty {
            if pendingError != 0 {
                errno = pendingError
                if !peeks { pendingError = 0 }
                return -1
            }
            if hasPeerFIN || wasReset {
                account.receivedEnd()
                return 0
            }
            world.judge.noteFutileCall()
            fruitless += 1
            errno = EAGAIN
            return -1
        }
        var most = min(space.count, inbound.count)
        if world.conditions.isPartial, world.random.oneIn(3) { most = world.random.within(1...most) }
        let bytes = inbound.first(most)
        space.copyBytes(from: bytes)
        if peeks { return bytes.count }
        fruitless = 0
        account.received(bytes)
        inbound.drop(bytes.count)
        world.judge.progress()
        peer.scheduleDelivery()
        return bytes.count
    }

    func send(_ bytes: UnsafeRawBufferPointer) -> Int {
        if wasReset || sentFIN {
            errno = wasReset ? ECONNRESET : EPIPE
            return -1
        }
        guard hasSpace else {
            world.judge.noteFutileCall()
            fruitless += 1
            errno = EAGAIN
            return -1
        }
        fruitless = 0
        var most = min(bytes.count, max(1, outboundCapacity - outbound.count))
        if world.conditions.isPartial, world.random.oneIn(3) { most = world.random.within(1...max(1, most)) }
        let part = bytes[..<min(most, bytes.count)]
        account.sent(part)
        outbound.append(part)
        world.judge.progress()
        scheduleSending()
        return part.count
    }

    func finishSending() -> Bool {
        guard !wasReset else {
            errno = ENOTCONN
            return false
        }
        if !sentFIN {
            sentFIN = true
            account.shutDown()
            scheduleSending()
            changed()
        }
        return true
    }

    override func closed() {
        account.closed()
        if resetsOnClose || !inbound.isEmpty, !wasReset {
            // tcp(7): unread input makes a RST of the FIN, and it destroys what is under way.
            account.destroyed(outbound.count, inbound.count)
            outbound.removeAll()
            resetByServer()
        } else {
            sentFIN = true
            scheduleSending()
        }
    }

    func resetByServer() {
        wasReset = true
        outbound.removeAll()
        peer.reset()
    }

    // MARK: - The network

    /// Bytes of the client have arrived.
    func deliver(_ bytes: [UInt8]) {
        guard isOpen || !account.isClosed else {
            // Data for a closed socket is answered with a RST.
            account.destroyed(outbound.count, bytes.count)
            return resetByServer()
        }
        inbound.append(bytes)
        account.arrived(bytes.count)
        changed()
    }

    func deliverFIN() {
        hasPeerFIN = true
        account.noteArrival()
        changed()
    }

    func deliverReset(_ code: Int32) {
        wasReset = true
        pendingError = code
        outbound.removeAll()
        account.noteFault("a reset")
        account.noteReset()
        changed()
    }

    private func scheduleSending() {
        guard !isSending, !outbound.isEmpty || sentFIN else { return }
        isSending = true
        world.scheduler.after(world.random.next() % world.conditions.latency + 1000) { [self] in
            isSending = false
            guard !wasReset else { return }
            let count = peer.take(outbound)
            if count > 0 {
                let couldSend = hasSpace
                outbound.drop(count)
                account.noteTaken()
                if !couldSend, hasSpace { changed() }
            }
            if outbound.isEmpty {
                if sentFIN { peer.takeFIN() }
            } else if peer.hasSpace {
                scheduleSending()
            }
        }
    }

    func spaceAtPeer() { scheduleSending() }

    /// Makes its source report an event although there is none.
    public func reportFalseEvent() {
        for watcher in watchers { (watcher as? ReadSource)?.reportFalseEvent() }
    }
}

/// The client's end of a connection.
public final class Peer {
    public let id: Int
    unowned let world: World
    public let address: Address
    /// Where it has connected to.
    public let listener: Address?
    public fileprivate(set) var socket: ClientSocket!

    /// Releases what it refers to.
    public func tearDown() {
        onChange = {}
        socket = nil
    }
    private var outgoing = Bytes()
    private var hasFinished = false
    private var isDelivering = false
    private let capacity: Int
    /// Bytes that have arrived and were not read.
    private var incoming = Bytes()
    private var hasServerFIN = false
    public private(set) var isReset = false
    /// Bytes that the client has read.
    public private(set) var readCount = 0
    /// Whether it has read the server's end of file.
    public private(set) var sawEnd = false
    public var isGone = false
    /// Called when something has arrived or the connection broke.
    public var onChange: () -> Void = {}
    /// Bytes that the client has written.
    public private(set) var writtenCount = 0

    /// Connects; nil if no socket listens there.
    public static func connect(_ world: World, id: Int, to target: Address, from: Address) -> Peer? {
        let candidates = world.kernel.listeners.filter { $0.serves(target) }
        let exact = candidates.filter { $0.address == target }
        let found = exact.isEmpty ? candidates : exact
        guard !found.isEmpty else { return nil }
        let listener = world.random.pick(found)
        guard listener.backlog.count + listener.handshakes.count < listener.backlogLimit else { return nil }
        let peer = Peer(world, id, from, listener)
        world.trace("client \(id) connects to \(target) from \(from)")
        listener.begin(peer)
        return peer
    }

    private init(_ world: World, _ id: Int, _ address: Address, _ listener: ListeningFile) {
        self.world = world
        self.id = id
        self.listener = listener.address
        capacity = world.random.pick([300, 4096, 64 << 10, 200 << 10])
        let isLocal = if case .unix = listener.address { true } else { false }
        if case .ipv6 = listener.address, case .ipv4(let bytes, let port) = address {
            self.address = .ipv6(Array(repeating: 0, count: 10) + [0xFF, 0xFF] + bytes, port: port)
        } else {
            self.address = isLocal ? .unix("") : address
        }
        socket = ClientSocket(world, self, isLocal: isLocal)
    }

    // MARK: - The client's calls

    /// How much may be written before it would wait.
    public var space: Int { max(0, capacity - outgoing.count) }
    public var waitingInput: Int { incoming.count }
    public var canFinish: Bool { !hasFinished && !isReset }

    public func write(_ bytes: [UInt8]) {
        guard !hasFinished, !isReset else { return }
        outgoing.append(bytes)
        writtenCount += bytes.count
        scheduleDelivery()
    }

    public func read(_ most: Int) -> [UInt8] {
        let taken = incoming.take(most)
        readCount += taken.count
        if !taken.isEmpty { socket.spaceAtPeer() }
        if incoming.isEmpty, hasServerFIN { sawEnd = true }
        return taken
    }

    /// Sends this many bytes without a line's end, once the network has taken the previous ones. It takes these at once.
    public func flood(_ count: Int) {
        guard outgoing.isEmpty else { return }
        socket.inboundCapacity = count
        write(Array(repeating: 1, count: count))
    }

    /// Sends its end of file.
    public func finish() {
        guard !hasFinished else { return }
        hasFinished = true
        scheduleDelivery()
    }

    /// Breaks the connection.
    public func abort(_ code: Int32) {
        guard !isReset else { return }
        isReset = true
        isGone = true
        outgoing.removeAll()
        socket.account.noteFault("a reset")
        world.scheduler.after(world.random.next() % world.conditions.latency + 1) { [socket] in
            socket?.deliverReset(code)
        }
    }

    // MARK: - The network

    func scheduleDelivery() {
        guard !isDelivering, !isReset, !outgoing.isEmpty || hasFinished && !socket.hasPeerFIN else { return }
        guard outgoing.isEmpty || socket.inbound.count < socket.inboundCapacity || socket.account.isClosed
        else { return }
        isDelivering = true
        world.scheduler.after(world.random.next() % world.conditions.latency + 1000) { [self] in
            isDelivering = false
            guard !isReset, !socket.wasReset else { return }
            let space = max(0, socket.inboundCapacity - socket.inbound.count)
            if !outgoing.isEmpty, space > 0 || socket.account.isClosed {
                let most = world.random.oneIn(4) ? world.random.within(1...max(1, space)) : max(1, space)
                socket.deliver(outgoing.take(most))
            }
            if outgoing.isEmpty {
                if hasFinished, !socket.hasPeerFIN { socket.deliverFIN() }
            } else {
                scheduleDelivery()
            }
            onChange()
        }
    }

    var hasSpace: Bool { incoming.count < capacity }

    func take(_ bytes: Bytes) -> Int {
        let taken = bytes.first(max(0, capacity - incoming.count))
        incoming.append(taken)
        if !taken.isEmpty { onChange() }
        return taken.count
    }

    func takeFIN() {
        guard !hasServerFIN else { return }
        hasServerFIN = true
        if incoming.isEmpty { sawEnd = true }
        onChange()
    }

    func reset() {
        isReset = true
        outgoing.removeAll()
        onChange()
    }
}
