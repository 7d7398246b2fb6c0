import Dispatch
import Glibc
import Logging
import ReverseCore
import Sockets
import Testing

@testable import ReverseServer

@Suite("The server", .serialized)
struct ServerTests {
    private static let anyPort = Configuration.Listener(endpoint: .internet(host: "127.0.0.1", port: 0))

    private func serve(_ configuration: Configuration, usesHotSet: Bool) throws -> Server {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let server = Server(configuration, logger: logger, usesHotSet: usesHotSet)
        try server.open(configuration)
        server.start()
        return server
    }

    private func address(_ server: Server, at index: Int = 0) throws -> SocketAddress {
        let place = try #require(server.places.dropFirst(index).first)
        return try #require(try Endpoint(parsing: place, defaultPort: 0).resolve().first)
    }

    private func drain(_ server: Server, timeout: Duration = .seconds(5)) -> Int? {
        let isOver = DispatchSemaphore(value: 0)
        nonisolated(unsafe) var result: Int?
        server.drain(timeout: timeout) { cutOff in
            result = cutOff
            isOver.signal()
        }
        return isOver.wait(timeout: .now() + 10) == .success ? result : nil
    }

    @Test("serves, counts and drains", arguments: [true, false])
    func serves(usesHotSet: Bool) throws {
        let server = try serve(Configuration(listeners: [Self.anyPort]), usesHotSet: usesHotSet)
        let peers = try (0..<5).map { _ in try Peer(connectingTo: try address(server)) }
        for peer in peers {
            peer.send("hello\n")
            #expect(peer.receive(6) == "olleh\n")
        }
        #expect(server.statistics.connections == 5 && server.statistics.requests == 5)
        #expect(server.statistics.bytes == 30 && server.statistics.accepted == 5)
        for peer in peers { peer.halfClose() }
        #expect(drain(server) == 0)
        #expect(peers.allSatisfy { $0.isAtEnd })
        #expect(server.places.isEmpty)
    }

    @Test("cuts off who does not take its answers in time", arguments: [true, false])
    func cutsOff(usesHotSet: Bool) throws {
        let server = try serve(Configuration(listeners: [Self.anyPort]), usesHotSet: usesHotSet)
        let peer = try Peer(connectingTo: try address(server))
        _ = peer.fill(with: String(repeating: "x", count: 999) + "\n")
        #expect(drain(server, timeout: .milliseconds(100)) == 1)
    }

    @Test("lets the next one in when one leaves", arguments: [true, false])
    func cap(usesHotSet: Bool) throws {
        let limits = Configuration.Limits(maximumConnections: 1)
        let server = try serve(
            Configuration(listeners: [Self.anyPort], limits: limits),
            usesHotSet: usesHotSet
        )
        for number in 0..<50 {
            let first = try Peer(connectingTo: try address(server))
            let second = try Peer(connectingTo: try address(server))
            first.send("\(number)\n")
            #expect(first.receive(2).count == 2)
            second.send("waits\n")
            first.halfClose()
            #expect(second.receive(6) == "stiaw\n")
        }
        #expect(drain(server) != nil)
    }

    @Test("opens all places or none")
    func allOrNone() throws {
        let configuration = Configuration(
            listeners: [
                Self.anyPort, .init(endpoint: .internet(host: "203.0.113.1", port: 0)),
                .init(endpoint: .unix(path: "/nonexistent/directory/socket")),
            ]
        )
        let error = #expect(throws: ListenError.self) { _ = try serve(configuration, usesHotSet: false) }
        #expect(error?.reasons.count == 2)
    }

    @Test("keeps each listener's port and manner over a reload", arguments: [true, false])
    func reloads(usesHotSet: Bool) throws {
        var chunks = Self.anyPort
        chunks.framing = .chunk
        let configuration = Configuration(listeners: [Self.anyPort, chunks])
        let server = try serve(configuration, usesHotSet: usesHotSet)
        let places = server.places
        try server.reload(configuration)
        #expect(server.places == places)
        let peer = try Peer(connectingTo: try address(server, at: 1))
        peer.send("abc")
        #expect(peer.receive(3) == "cba")
        peer.halfClose()

        let missing = Configuration(listeners: [.init(endpoint: .internet(host: "203.0.113.1", port: 0))])
        #expect(throws: ListenError.self) { try server.reload(missing) }
        #expect(server.places == places)
        try server.reload(Configuration(listeners: [chunks]))
        #expect(server.places.count == 1)
        #expect(drain(server) == 0)
    }

    @Test("makes room for clients within the limit of open files")
    func descriptors() {
        let few = DescriptorLimit.makeRoom(forConnections: 5, listeners: 1)
        #expect(few.maximumConnections == 5 && few.descriptors >= 5)
        let many = DescriptorLimit.makeRoom(forConnections: .max, listeners: .max / 2)
        #expect(many.maximumConnections >= 1)
    }
}
