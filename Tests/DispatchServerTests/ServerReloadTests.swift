import CEpollGuard
import CLinux
import Sockets
import Testing

@testable import DispatchServer

/// What the simulation found in reloads and drains (Tests/Simulation), over real sockets.
@Suite("A reload", .serialized)
struct ServerReloadTests {
    private typealias LineServer = Server<LineSession>

    private let records = LogRecords()

    private static func configuration(_ host: String, port: UInt16 = 0, slots: Int = 10)
        -> LineServer.Configuration
    {
        let listener = ListenerConfiguration(
            endpoint: .internet(host: host, port: port),
            options: LineSession.Options.inPlace
        )
        var configuration = LineServer.Configuration(
            listeners: [listener],
            options: .inPlace,
            sessionLimits: .init()
        )
        configuration.limits.maximumConnections = slots
        return configuration
    }

    private func serve(_ configuration: LineServer.Configuration) throws -> LineServer {
        let server = try LineServer(configuration, label: "test", logger: records.logger)
        try awaitCompletion { server.start($0) }
        return server
    }

    private func connect(_ server: LineServer) throws -> Peer {
        let name = try #require(server.addresses.first)
        return try Peer(
            connectingTo: try #require(try Endpoint(parsing: name, defaultPort: 0).resolve().first)
        )
    }

    @Test("that fails leaves the number of slots")
    func keepsSlots() throws {
        let server = try serve(Self.configuration("127.0.0.1", slots: 1))
        #expect(throws: ListenError.self) {
            // An address that no machine has (RFC 5737).
            try awaitCompletion { server.reload(Self.configuration("203.0.113.1", slots: 5), $0) }
        }
        let first = try connect(server)
        #expect(first.isAnswered("one"))
        let second = try connect(server)
        #expect(eventually { server.statistics.pauses == 1 })
        #expect(server.statistics.connections == 1)
        first.halfClose()
        #expect(second.isAnswered("two"))
    }

    @Test("can bring back an address that the one before took away")
    func bringsBack() throws {
        let server = try serve(Self.configuration("127.0.0.1"))
        let port = try #require(
            try Endpoint(parsing: server.addresses[0], defaultPort: 0).resolve().first?.port
        )
        try awaitCompletion { server.reload(Self.configuration("127.0.0.1"), $0) }
        for _ in 0..<3 {
            try awaitCompletion { server.reload(Self.configuration("127.0.0.1", port: port), $0) }
            try awaitCompletion { server.reload(Self.configuration("::1"), $0) }
        }
        try awaitCompletion { server.reload(Self.configuration("127.0.0.1", port: port), $0) }
        #expect(try connect(server).isAnswered("there again"))
    }

    @Test("a drain does not ask a closed socket for its input")
    func asksNoClosedSocket() {
        var state = ConnectionState(connectedAt: 1000)
        _ = state.failed(1)
        var questions = 0
        func arrived() -> Int {
            questions += 1
            return 1
        }
        #expect(state.drain(arrived: arrived(), now: 1001) == .nothing)
        #expect(questions == 0)
    }

    /// In a separate process, because the servers of other tests take failures, too.
    @Test("a descriptor's failure does not outlive the descriptor")
    func forgetsFailures() async {
        await #expect(processExitsWith: .success) {
            var event = epoll_event()
            for number in [1_000_001, 1_000_002] as [Int32] {
                _ = epoll_ctl(-1, EPOLL_CTL_ADD, number, &event)
            }
            epoll_guard_forget(1_000_001)
            var code: Int32 = 0
            var found: [Int32] = []
            while case let descriptor = epoll_guard_take_failure(&code), descriptor >= 0 {
                found.append(descriptor)
            }
            #expect(found == [1_000_002])
        }
    }
}
