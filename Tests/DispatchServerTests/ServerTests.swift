import Dispatch
import Glibc
import Sockets
import Synchronization
import Testing

@testable import DispatchServer

@Suite("The server", .serialized)
struct ServerTests {
    private typealias LineServer = Server<LineSession>

    private static let anyPort = ListenerConfiguration(
        endpoint: .internet(host: "127.0.0.1", port: 0),
        options: LineSession.Options.inPlace
    )
    private static let marked = ListenerConfiguration(
        endpoint: .internet(host: "127.0.0.1", port: 0),
        options: LineSession.Options.marked
    )
    private static let missing = ListenerConfiguration(
        endpoint: .internet(host: "203.0.113.1", port: 0),
        options: LineSession.Options.inPlace
    )

    private static func configuration(
        _ listeners: [ListenerConfiguration<LineSession.Options>] = [anyPort]
    ) -> LineServer.Configuration {
        LineServer.Configuration(listeners: listeners, options: .inPlace, sessionLimits: .init())
    }

    private let records = LogRecords()

    private func make(_ configuration: LineServer.Configuration, usesHotLoops: Bool = true) throws
        -> LineServer
    {
        try LineServer(configuration, label: "test", logger: records.logger, usesHotLoops: usesHotLoops)
    }

    private func serve(_ configuration: LineServer.Configuration, usesHotLoops: Bool = true) throws
        -> LineServer
    {
        let server = try make(configuration, usesHotLoops: usesHotLoops)
        try awaitCompletion { server.start($0) }
        return server
    }

    private func connect(_ server: LineServer, at index: Int = 0) throws -> Peer {
        let name = try #require(server.addresses.dropFirst(index).first)
        let address = try #require(try Endpoint(parsing: name, defaultPort: 0).resolve().first)
        return try Peer(connectingTo: address)
    }

    /// Drains; how many connections were cut off, nil if it does not end.
    private func drain(_ server: LineServer) -> Int? {
        let isOver = DispatchSemaphore(value: 0)
        let result = Atomic(-1)
        server.drain { cutOff in
            result.store(cutOff, ordering: .relaxed)
            isOver.signal()
        }
        return isOver.wait(timeout: .now() + 20) == .success ? result.load(ordering: .relaxed) : nil
    }

    @Test("serves, counts and drains", arguments: [true, false])
    func serves(usesHotLoops: Bool) throws {
        let server = try serve(Self.configuration(), usesHotLoops: usesHotLoops)
        let peers = try (0..<5).map { _ in try connect(server) }
        for peer in peers { #expect(peer.isAnswered("hello")) }
        #expect(server.statistics.connections == 5 && server.statistics.requests == 5)
        #expect(server.statistics.bytes == 30 && server.statistics.accepted == 5)
        let progress = server.drainProgress
        for peer in peers { peer.halfClose() }
        #expect(drain(server) == 0)
        #expect(peers.allSatisfy { $0.isAtEnd })
        #expect(server.addresses.isEmpty)
        #expect(server.drainProgress == progress + 5)
    }

    @Test("cuts off a client that does not take its answers in time", arguments: [true, false])
    func cutsOff(usesHotLoops: Bool) throws {
        var configuration = Self.configuration()
        configuration.limits.drainTimeout = .milliseconds(100)
        let server = try serve(configuration, usesHotLoops: usesHotLoops)
        let peer = try connect(server)
        _ = peer.fill(with: String(repeating: "x", count: 999) + "\n")
        // A connection that is always being served may not be handed over, so block it first.
        var received: UInt64
        repeat {
            received = server.statistics.bytes
            usleep(200_000)
        } while server.statistics.bytes != received
        #expect(drain(server) == 1)
        #expect(records.contains("the drain timeout is over"))
    }

    @Test("lets the next client in when one leaves", arguments: [true, false])
    func cap(usesHotLoops: Bool) throws {
        var configuration = Self.configuration()
        configuration.limits.maximumConnections = 1
        let server = try serve(configuration, usesHotLoops: usesHotLoops)
        for number in 0..<50 {
            let first = try connect(server)
            let second = try connect(server)
            #expect(first.isAnswered("\(number)"))
            second.send("waits\n")
            first.halfClose()
            #expect(second.receive(6) == "stiaw\n")
        }
        #expect(drain(server) == 0)
    }

    @Test("opens all listeners or none, and names each that it could not open")
    func allOrNone() throws {
        let server = try make(
            Self.configuration([
                Self.anyPort, Self.missing,
                .init(endpoint: .unix(path: "/nonexistent/directory/socket"), options: .inPlace),
            ])
        )
        let error = #expect(throws: ListenError.self) { try awaitCompletion { server.start($0) } }
        #expect(error?.reasons.count == 2)
        #expect(server.addresses.isEmpty)
    }

    @Test("refuses a configuration without an address, at the start and at a reload")
    func withoutAddress() throws {
        let none = try make(Self.configuration([]))
        #expect(throws: ListenError.self) { try awaitCompletion { none.start($0) } }
        let server = try serve(Self.configuration([Self.anyPort]), usesHotLoops: true)
        let addresses = server.addresses
        #expect(throws: ListenError.self) {
            try awaitCompletion { server.reload(Self.configuration([]), $0) }
        }
        #expect(server.addresses == addresses)
        #expect(drain(server) == 0)
    }

    @Test("keeps each listener's port and options over a reload", arguments: [true, false])
    func reloads(usesHotLoops: Bool) throws {
        let configuration = Self.configuration([Self.anyPort, Self.marked])
        let server = try serve(configuration, usesHotLoops: usesHotLoops)
        let addresses = server.addresses
        let old = try connect(server)
        #expect(old.isAnswered("one"))
        try awaitCompletion { server.reload(configuration, $0) }
        #expect(server.addresses == addresses)
        let peer = try connect(server, at: 1)
        peer.send("abc\n")
        #expect(peer.receive(5) == "cba!\n")

        #expect(throws: ListenError.self) {
            try awaitCompletion { server.reload(Self.configuration([Self.missing]), $0) }
        }
        #expect(server.addresses == addresses)
        try awaitCompletion { server.reload(Self.configuration([Self.marked]), $0) }
        #expect(server.addresses == [addresses[0]])
        #expect(old.isAnswered("two"))
        let new = try connect(server)
        new.send("abc\n")
        #expect(new.receive(5) == "cba!\n")
        for peer in [old, peer, new] { peer.halfClose() }
        #expect(drain(server) == 0)
    }

    @Test("applies new limits to connections that stand", arguments: [true, false])
    func reloadsLimits(usesHotLoops: Bool) throws {
        var configuration = Self.configuration()
        let server = try serve(configuration, usesHotLoops: usesHotLoops)
        let first = try connect(server)
        #expect(first.isAnswered("a long line"))
        configuration.sessionLimits.longestLine = 5
        configuration.logsConnections = false
        try awaitCompletion { server.reload(configuration, $0) }
        #expect(first.isAnswered("short"))
        first.send("a long line\n")
        #expect(first.receiveToEnd() == "")
        #expect(eventually { records.contains("a line is too long") })
        let count = records.texts.count
        let second = try connect(server)
        #expect(second.isAnswered("short"))
        #expect(records.texts.count == count)
        configuration.limits.idleTimeout = .milliseconds(20)
        try awaitCompletion { server.reload(configuration, $0) }
        #expect(second.isAtEnd)
    }

    @Test("uses sockets that were handed in, with the options of the listener that has their port")
    func adopts() throws {
        let sockets = try (0..<2).map { _ in
            try StreamSocket.listen(on: .ipv4(SIMD4(127, 0, 0, 1), port: 0)).release()
        }
        let port = try #require(SocketAddress.local(of: sockets[1])?.port)
        var configuration = Self.configuration([
            .init(endpoint: .internet(host: "127.0.0.1", port: port), options: .marked)
        ])
        let server = try make(configuration)
        try awaitCompletion { server.start(adopting: sockets, $0) }
        #expect(server.addresses.count == 2)
        let first = try connect(server)
        #expect(first.isAnswered("one"))
        let second = try connect(server, at: 1)
        second.send("one\n")
        #expect(second.receive(5) == "eno!\n")
        // A reload does not touch the sockets, whatever its listeners are, but it changes their options.
        configuration.options = .twice
        configuration.listeners = [Self.missing]
        try awaitCompletion { server.reload(configuration, $0) }
        let third = try connect(server, at: 1)
        third.send("one\n")
        #expect(third.receive(8) == "eno\neno\n")
        for peer in [first, second, third] { peer.halfClose() }
        #expect(drain(server) == 0)
    }

    @Test("takes over no descriptor that does not listen")
    func adoptsNothing() throws {
        let server = try make(Self.configuration())
        #expect(throws: SystemError.self) { try awaitCompletion { server.start(adopting: [9999], $0) } }
    }

    @Test("neither starts nor reloads once it stops")
    func stops() throws {
        let server = try serve(Self.configuration())
        #expect(drain(server) == 0)
        #expect(throws: StoppingError.self) {
            try awaitCompletion { server.reload(Self.configuration(), $0) }
        }
        #expect(throws: StoppingError.self) { try awaitCompletion { server.start($0) } }
        #expect(server.addresses.isEmpty)
    }

    @Test("answers a probe from the loops as well", arguments: [true, false])
    func probes(usesHotLoops: Bool) throws {
        let server = try serve(Self.configuration(), usesHotLoops: usesHotLoops)
        let peer = try connect(server)
        for round in 0..<3 {
            for number in 0..<50 { #expect(peer.isAnswered("\(round) \(number)")) }
            let isOver = DispatchSemaphore(value: 0)
            server.probe { isOver.signal() }
            #expect(isOver.wait(timeout: .now() + 10) == .success)
        }
    }
}
