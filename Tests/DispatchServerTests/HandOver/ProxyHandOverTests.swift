import Glibc
import Sockets
import Testing

@testable import DispatchServer

@Suite("Connections through a load balancer change hands", .serialized)
struct ProxyHandOverTests {
    private typealias LineServer = Server<LineSession>

    private static let header = "PROXY TCP4 192.0.2.1 198.51.100.2 4660 5000\r\n"
    private let records = LogRecords()
    private let servers = Servers()

    /// A server with its own listener that continues these connections. A client may have three connections.
    private func serve(connections: [Int32] = []) throws -> LineServer {
        let listener = ListenerConfiguration(
            endpoint: .internet(host: "127.0.0.1", port: 0),
            proxyProtocol: ProxyProtocol(isExpected: true, trusted: [try Network(parsing: "127.0.0.1")]),
            options: LineSession.Options.inPlace
        )
        var configuration = LineServer.Configuration(
            listeners: [listener],
            options: .inPlace,
            sessionLimits: .init()
        )
        configuration.limits.maximumConnectionsPerClient = .chosen(3)
        let server = try LineServer(
            configuration,
            label: "test",
            logger: records.logger
        )
        servers.add(server)
        let report: TakeOverReport = try awaitResult { server.takeOver(from: connections, $0) }
        #expect(report.ended == 0 && report.reasons == [])
        let failure: String = try awaitResult { done in server.start { done($0.map { "\($0)" } ?? "") } }
        #expect(failure == "")
        return server
    }

    private func peer(_ server: LineServer, _ text: String) throws -> Peer {
        let address = try #require(server.listeners.addresses.first)
        let port = try #require(address.split(separator: ":").last.flatMap { UInt16($0) })
        let peer = try Peer(connectingTo: .ipv4(SIMD4(127, 0, 0, 1), port: port))
        peer.send(text)
        return peer
    }

    private func handOver(_ server: LineServer) throws -> Int32 {
        let handOver: HandOver? = try awaitResult { server.handOver($0) }
        let handed = try #require(handOver)
        let passed = dup(handed.descriptor)
        #expect(handed.isKept())
        server.finish(handed)
        return passed
    }

    @Test("With its header complete it keeps its client, its peer, and its place in the client's count")
    func complete() throws {
        let first = try serve()
        let clients = try (0..<2).map { _ in try peer(first, Self.header) }
        for client in clients { #expect(client.isAnswered("one")) }
        clients[0].send("ha")

        let second = try serve(connections: [try handOver(first)])
        let key = try #require(ClientKey(.ipv4(SIMD4(192, 0, 2, 1), port: 1)))
        for connection in second.core.connections.all {
            #expect(connection.key == key)
            guard case .ipv4(SIMD4(127, 0, 0, 1), _) = connection.peer else {
                Issue.record("the peer is \(connection.peer)")
                continue
            }
        }
        clients[0].send("lf\n")
        #expect(clients[0].receive(5) == "flah\n")
        #expect(clients[1].isAnswered("two"))
        // Two of three are taken: one more of this client may come, and any number of others.
        let third = try peer(second, Self.header)
        #expect(third.isAnswered("three"))
        #expect(try peer(second, Self.header + "four\n").receiveToEnd() == "")
        #expect(try peer(second, "PROXY TCP4 192.0.2.9 198.51.100.2 1 2\r\n").isAnswered("other"))
        // Its end gives the slot back.
        clients[1].halfClose()
        #expect(clients[1].isAtEnd)
        #expect(records.contains("disconnected 192.0.2.1:4660 after 2 requests"))
        // Beside it the refused one and the other client have ended.
        #expect(eventually { second.core.connections.ended == 3 })
        #expect(try peer(second, Self.header).isAnswered("five"))
    }

    @Test("In the middle of its header it goes on there, at every byte")
    func incomplete() throws {
        let first = try serve()
        let header = Array(Self.header.utf8)
        let clients = try header.indices.dropFirst().map { cut in
            try (cut: cut, peer: peer(first, String(decoding: header[..<cut], as: UTF8.self)))
        }
        // And one that has sent nothing yet.
        let silent = try peer(first, "")
        #expect(eventually { first.core.connections.count == clients.count + 1 })

        let second = try serve(connections: [try handOver(first)])
        #expect(second.core.connections.count == clients.count + 1)
        #expect(second.core.connections.all.allSatisfy { $0.key == nil })
        second.core.connections.setCapacity(1000, perClient: 1000)
        for (cut, peer) in clients {
            peer.send(String(decoding: header[cut...], as: UTF8.self) + "a line\n")
            #expect(peer.receive(7) == "enil a\n")
        }
        silent.send(Self.header + "late\n")
        #expect(silent.receive(5) == "etal\n")
        let key = try #require(ClientKey(.ipv4(SIMD4(192, 0, 2, 1), port: 1)))
        #expect(second.core.connections.all.allSatisfy { $0.key == key })
        #expect(second.core.connections.proxyHeaderFailures.isEmpty)
    }

    @Test("A header that goes wrong in the next process is refused there")
    func wrong() throws {
        let first = try serve()
        let client = try peer(first, "PROXY TC")
        #expect(eventually { first.core.connections.count == 1 })
        let second = try serve(connections: [try handOver(first)])
        client.send("P9 nonsense\r\n")
        #expect(client.receiveToEnd() == "")
        #expect(eventually { second.core.connections.proxyHeaderFailures == [.malformed: 1] })
    }
}
