import Dispatch
import Glibc
import Sockets
import Synchronization
import Testing

@testable import DispatchServer

@Suite("Connections change hands", .serialized)
struct HandOverTests {
    private typealias LineServer = Server<LineSession>

    private let records = LogRecords()
    private let servers = Servers()

    /// Keeps what a server stores, as a service manager does.
    private final class Kept: Sendable {
        private let kept = Mutex<[StoredListener]>([])

        var listeners: [StoredListener] { kept.withLock { $0 } }

        var store: ListenerStore {
            ListenerStore(
                store: { [self] descriptor, name in
                    kept.withLock { $0.append(StoredListener(descriptor: dup(descriptor), name: name)) }
                },
                remove: { [self] name in
                    kept.withLock { kept in
                        for each in kept where each.name == name { close(each.descriptor) }
                        kept.removeAll { $0.name == name }
                    }
                }
            )
        }

        /// Duplicates for the next process.
        func handOut() -> [StoredListener] {
            listeners.map { StoredListener(descriptor: dup($0.descriptor), name: $0.name) }
        }

        deinit { for each in listeners { close(each.descriptor) } }
    }

    private let kept = Kept()

    private static func configuration(
        _ options: LineSession.Options = .inPlace,
        path: String? = nil
    ) -> LineServer.Configuration {
        var listeners = [
            ListenerConfiguration(endpoint: .internet(host: "127.0.0.1", port: 0), options: options)
        ]
        if let path { listeners.append(ListenerConfiguration(endpoint: .unix(path: path), options: options)) }
        return LineServer.Configuration(listeners: listeners, options: options, sessionLimits: .init())
    }

    private struct Failed: Error {}

    private func serve(
        _ configuration: LineServer.Configuration = configuration(),
        _ stored: [StoredListener] = [],
        connections: [Int32] = []
    ) throws -> (LineServer, TakeOverReport) {
        let server = try LineServer(
            configuration,
            label: "test",
            logger: records.logger,
            listenerStore: kept.store
        )
        servers.add(server)
        let report: TakeOverReport = try awaitResult { server.takeOver(from: connections, $0) }
        let failure: String = try awaitResult { done in
            server.start(continuing: stored) { done($0.map { "\($0)" } ?? "") }
        }
        #expect(failure == "")
        return (server, report)
    }

    private func peer(_ server: LineServer, at index: Int = 0) throws -> Peer {
        let address = server.listeners.addresses[index]
        let place: SocketAddress =
            if let colon = address.lastIndex(of: ":"),
                let port = UInt16(address[address.index(after: colon)...])
            {
                .ipv4(SIMD4(127, 0, 0, 1), port: port)
            } else {
                .unix(path: address)
            }
        return try Peer(connectingTo: place)
    }

    /// Hands over as a daemon does, and returns what the next process gets.
    private func handOver(_ server: LineServer) throws -> (HandOver, Int32) {
        let handOver: HandOver? = try awaitResult { server.handOver($0) }
        let handed = try #require(handOver)
        let passed = dup(handed.descriptor)
        #expect(handed.isKept())
        server.finish(handed)
        return (handed, passed)
    }

    @Test("A client that leaves at this moment does not make a stop of the hand-over")
    func leaving() throws {
        let (first, _) = try serve()
        let client = try peer(first)
        #expect(client.isAnswered("one"))
        let connection = try #require(first.core.connections.all.first)
        // Its cancel handler does not run, so it stays listed.
        first.core.queue.suspend()
        defer { first.core.queue.resume() }
        #expect(eventually { connection.fail(ECONNRESET) })
        let (handed, passed) = try handOver(first)
        close(passed)
        #expect(handed.connections == 0 && handed.ended == 0)
        #expect(kept.listeners.count == 1)
    }

    @Test("Half a line, an answer that is not read, and silence go on in another server")
    func goesOn() throws {
        let (first, _) = try serve()
        let half = try peer(first)
        let silent = try peer(first)
        let blocked = try peer(first)
        #expect(half.isAnswered("one"))
        half.send("half")
        let line = String(repeating: "x", count: 999) + "\n"
        let sent = blocked.fill(with: line)
        #expect(eventually { first.statistics.connections == 3 })

        let (handed, passed) = try handOver(first)
        #expect(handed.connections == 3 && handed.ended == 0)
        #expect(first.statistics.connections == 0)
        let (second, report) = try serve(Self.configuration(.marked), kept.handOut(), connections: [passed])
        #expect(report.taken == 3 && report.ended == 0 && report.reasons == [])
        #expect(second.addresses == first.addresses)
        half.send(" a line\n")
        #expect(half.receive(12) == "enil a flah\n")
        #expect(silent.isAnswered("silent"))
        let whole = sent / line.utf8.count * line.utf8.count
        #expect(blocked.receive(whole).utf8.count == whole)
        #expect(second.statistics.connections == 3)
        // A new client has the new configuration, and a new number.
        let new = try peer(second)
        new.send("a\n")
        #expect(new.receive(3) == "a!\n")
        #expect(second.core.connections.lastNumber == 4)
    }

    @Test("If no process keeps it, the server continues, and can hand over again")
    func takenBack() throws {
        let (server, _) = try serve()
        let client = try peer(server)
        #expect(client.isAnswered("one"))
        client.send("half")
        let handOver: HandOver? = try awaitResult { server.handOver($0) }
        let handed = try #require(handOver)
        #expect(!handed.isKept())
        server.takeBack(handed)
        client.send(" a line\n")
        #expect(client.receive(12) == "enil a flah\n")
        #expect(try peer(server).isAnswered("new"))
        let (again, passed) = try self.handOver(server)
        #expect(again.connections >= 1)
        close(passed)
        // The last duplicate is closed, so the connection ends.
        #expect(client.isAtEnd)
    }

    @Test("Connections that are taken back outlive the time for those that cannot be handed over")
    func takenBackBesideOthers() throws {
        let listeners = [LineSession.Options.inPlace, .bound].map {
            ListenerConfiguration(endpoint: .internet(host: "127.0.0.1", port: 0), options: $0)
        }
        let (server, _) = try serve(
            LineServer.Configuration(listeners: listeners, options: .inPlace, sessionLimits: .init())
        )
        let (stays, leaves) = (try peer(server), try peer(server, at: 1))
        #expect(stays.isAnswered("one") && leaves.isAnswered("one"))
        DispatchQueue.global().async { if leaves.isAtEnd { leaves.halfClose() } }
        let handOver: HandOver? = try awaitResult { server.handOver($0) }
        let handed = try #require(handOver)
        #expect(handed.connections == 1 && handed.ended == 1 && !handed.isKept())
        server.takeBack(handed)
        let isOver = DispatchSemaphore(value: 0)
        server.core.later(1100) { isOver.signal() }
        isOver.wait()
        #expect(stays.isAnswered("two"))
    }

    @Test("A server without connections hands over an empty socket")
    func empty() throws {
        let (first, _) = try serve()
        let (handed, passed) = try handOver(first)
        #expect(handed.connections == 0)
        let (_, report) = try serve(Self.configuration(), kept.handOut(), connections: [passed])
        #expect(report == TakeOverReport(duration: report.duration))
    }

    @Test("A server that drains hands nothing over, and one that hands over reloads no more")
    func states() throws {
        let (first, _) = try serve()
        _ = try awaitResult { first.drain($0) } as Int
        let nothing: HandOver? = try awaitResult { first.handOver($0) }
        #expect(nothing == nil)
        let (second, _) = try serve()
        let (_, passed) = try handOver(second)
        let refusal: String = try awaitResult { done in
            second.reload(Self.configuration()) { done("\($0 ?? Failed())") }
        }
        #expect(refusal == StoppingError().description)
        close(passed)
    }

    @Test("A session whose state is not understood ends in good order")
    func unknownSession() throws {
        let pair = try DescriptorPassing.Pair()
        let (client, other) = try Peer.pair()
        let record = ConnectionRecord(
            number: 9,
            client: .unix(path: ""),
            listener: "x",
            life: ConnectionState(
                handedOver: .serving(remaining: nil),
                connectedAt: 0,
                lastProgress: 0,
                requests: 0,
                answeredBytes: 0
            ),
            session: [77],
            held: 0..<0
        )
        let image = HandOverImage.encode([
            ServerRecord(lastNumber: 1000).encoded, try #require(record.encoded),
        ])
        let file = try SealedFile("test") { (writer) throws(SystemError) in
            for byte in image {
                var byte = byte
                var failure: SystemError?
                withUnsafeBytes(of: &byte) { bytes in
                    do throws(SystemError) { try writer.append(bytes) } catch { failure = error }
                }
                if let failure { throw failure }
            }
        }
        try DescriptorPassing.send(
            HandOverMessage(first: 0, count: 1).encoded,
            [file.number, other],
            through: pair.sending
        )
        close(other)
        let (server, report) = try serve(connections: [dup(pair.receiving)])
        #expect(report.taken == 0 && report.ended == 1)
        #expect(report.reasons.first?.contains("not known") == true)
        #expect(client.isAtEnd)
        #expect(server.core.connections.lastNumber == 1001)
    }

    private final class Count: Sendable {
        let value = Atomic(0)
    }

    @Test("Ten times in a row under load, every answer is right")
    func again() throws {
        var (server, _) = try serve()
        let clients = try (0..<20).map { _ in try peer(server) }
        let wrong = Count()
        let done = DispatchGroup()
        for (number, client) in clients.enumerated() {
            done.enter()
            Thread.start {
                for round in 0..<400 where !client.isAnswered("client \(number) round \(round)") {
                    wrong.value.wrappingAdd(1, ordering: .relaxed)
                }
                done.leave()
            }
        }
        for _ in 0..<10 {
            let (_, passed) = try handOver(server)
            server = try serve(Self.configuration(), kept.handOut(), connections: [passed]).0
        }
        done.wait()
        #expect(wrong.value.load(ordering: .relaxed) == 0)
    }
}
