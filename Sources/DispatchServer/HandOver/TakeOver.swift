import Glibc
import Sockets

/// The outcome of a take-over.
public struct TakeOverReport: Equatable, Sendable {
    /// How many connections continue.
    public var taken = 0
    /// How many could not continue: they are ended as in a stop, or were closed because no descriptor was left for them.
    public var ended = 0
    /// Why, one sentence for each reason, at most 10.
    public var reasons: [String] = []
    /// How long it took.
    public var duration = Duration.zero
}

/// Receives the connections of the previous process, and continues them.
///
/// The input is not trusted. A connection continues only if all bytes of its client are there: those that it sent, and the
/// answers that it has not received. Otherwise it is ended as in a stop.
struct TakeOver {
    let server: ServerCore
    /// Raises the limit on open files for this many connections. Returns how many fit.
    let makeDescriptors: (_ wanted: Int) -> Int
    let restore: SessionRestorer
    private(set) var report = TakeOverReport()
    private var images: [UInt64: HandOverImage] = [:]
    /// They start when all are counted. Otherwise a client could exceed its limit while others are still taken over.
    private var taken: [Connection] = []
    /// Connections whose records cannot be used.
    private var refused: [Int32] = []

    init(
        _ server: ServerCore,
        makeDescriptors: @escaping (_ wanted: Int) -> Int,
        restore: @escaping SessionRestorer
    ) {
        self.server = server
        self.makeDescriptors = makeDescriptors
        self.restore = restore
    }

    /// Receives all messages of one socket.
    mutating func receive(from socket: borrowing Descriptor) {
        while true {
            let count = server.connections.count + refused.count
            let space = makeDescriptors(count + DescriptorPassing.maximum) - count
            do {
                let most = max(1, min(space + 1, DescriptorPassing.maximum))
                guard let message = try DescriptorPassing.receive(from: socket.number, atMost: most) else {
                    break
                }
                take(message)
            } catch {
                note("\(error)")
                break
            }
        }
    }

    /// Continues the connections, and ends those that could not continue. Call it once, at the end: the latter get new numbers,
    /// above those of the others.
    mutating func start() {
        for connection in taken { connection.start() }
        taken = []
        for number in refused { end(Descriptor(owning: number)) }
        refused = []
    }

    private mutating func take(_ message: DescriptorPassing.Message) {
        guard let header = try? HandOverMessage(message.bytes), let first = message.descriptors.first else {
            note("a message is not of a hand-over")
            for number in message.descriptors { close(number) }
            report.ended += max(0, message.descriptors.count - 1)
            return
        }
        let connections = message.descriptors.dropFirst()
        if connections.count < header.count {
            note("no more connections fit the limit of open files")
            report.ended += header.count - connections.count
        }
        do {
            let file = try SealedFile(adopting: Descriptor(owning: first))
            let image = try images[file.identity] ?? HandOverImage(file)
            images[file.identity] = image
            server.connections.raiseNumber(to: image.server.lastNumber)
            for (index, number) in connections.enumerated() {
                guard index < header.count else {
                    refuse(number, "a message has more connections than it says")
                    continue
                }
                do {
                    try take(number, header.first + index, image, file)
                } catch {
                    refuse(number, "\(error)")
                }
            }
        } catch {
            for number in connections { refuse(number, "\(error)") }
        }
    }

    private mutating func take(
        _ number: Int32,
        _ index: Int,
        _ image: HandOverImage,
        _ file: borrowing SealedFile
    ) throws {
        guard StreamSocket.isConnection(number) else { throw HandOverError("it is no connection") }
        let record = try image.connection(at: index, fileSize: file.count, now: Clock.now())
        guard let session = restore(record.session) else {
            throw HandOverError("the state of its session is not known to this release")
        }
        var held = ByteQueue()
        // In range: the record was checked against the size of the file.
        let count = Int(record.held.upperBound - record.held.lowerBound)
        guard held.tryReserve(count) else { throw HandOverError("there is no memory for what it holds") }
        _ = try unsafe held.append(atMost: count, chunk: count) { (space) throws(SystemError) in
            try unsafe file.read(into: space, from: record.held.lowerBound)
            return space.count
        }
        let connection = Connection(
            number: record.number,
            descriptor: Descriptor(owning: number),
            client: record.client,
            peer: record.peer,
            // Without a complete header the client is not known yet.
            key: record.header == nil ? ClientKey(record.client) : nil,
            listenerName: record.listener,
            header: record.header.map(ProxyHeader.init(received:)),
            session: session,
            server: server,
            life: record.life,
            held: held
        )
        guard server.connections.takeOver(connection) else {
            throw HandOverError("two connections have the same number")
        }
        taken.append(connection)
        report.taken += 1
    }

    private mutating func refuse(_ number: Int32, _ reason: String) {
        note(reason)
        report.ended += 1
        if StreamSocket.isConnection(number) { refused.append(number) } else { close(number) }
    }

    private mutating func note(_ reason: String) {
        if !report.reasons.contains(reason), report.reasons.count < 10 { report.reasons.append(reason) }
    }

    private func end(_ descriptor: consuming Descriptor) {
        let connection = Connection(
            number: server.connections.takeNumber(isAccepted: false),
            descriptor: descriptor,
            client: .unix(path: ""),
            listenerName: "?",
            session: unsafe RunningSession { _, _, _ in .nothing },
            server: server,
            life: ConnectionState(
                handedOver: .serving(remaining: nil),
                connectedAt: Clock.now(),
                lastProgress: Clock.now()
            )
        )
        if server.connections.takeOver(connection) { connection.start(isTakenOver: false) }
    }
}
