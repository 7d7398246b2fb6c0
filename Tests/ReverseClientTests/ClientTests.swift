import Dispatch
import Glibc
import Sockets
import TestSupport
import Testing

@testable import ReverseClient

/// A server with one thread that answers each connection with `answer(to:)` when the client has sent everything.
private final class TestServer: Sendable {
    let endpoint: Endpoint

    init(connections: Int) throws {
        let listener = try StreamSocket.listen(on: .ipv4(SIMD4(127, 0, 0, 1), port: 0))
        let port = try #require(SocketAddress.local(of: listener.number)?.port)
        endpoint = .internet(host: "127.0.0.1", port: port)
        let number = listener.release()
        let queue = DispatchQueue(label: "test server")
        queue.async {
            for _ in 0..<connections { Self.serve(number) }
            close(number)
        }
    }

    private static func serve(_ listener: Int32) {
        var polls = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
        guard poll(&polls, 1, 10_000) == 1 else { return }
        let client = accept(listener, nil, nil)
        defer { close(client) }
        var request: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 65_536)
        while case let count = recv(client, &block, block.count, 0), count > 0 {
            request += block.prefix(count)
        }
        var rest = answer(to: request)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}

@Suite struct ClientTests {
    @Test func oneLineOfText() throws {
        let client = Client(try TestServer(connections: 1).endpoint)
        #expect(try client.reverse("ADVANCE") == "ECNAVDA")
    }

    @Test func manyLinesOfAnyBytes() throws {
        var generator = SeededGenerator(seed: 7)
        let lines: [[UInt8]] = (0..<500).map { _ in
            (0..<Int.random(in: 0...300, using: &generator)).map { _ in
                let byte = UInt8.random(in: .min ... .max, using: &generator)
                return byte == 0x0A || byte == 0x0D ? 0x20 : byte
            }
        }
        let client = Client(try TestServer(connections: 1).endpoint)
        #expect(try client.reverse(lines: lines) == lines.map { $0.reversed() })
    }

    @Test func noLines() throws {
        let client = Client(try TestServer(connections: 1).endpoint)
        #expect(try client.reverse(lines: []).isEmpty)
    }

    @Test func errorsSayWithWhomAndWhichExitCodeTheyMean() throws {
        let endpoint = Endpoint.unix(path: "/nonexistent/socket")
        let error = #expect(throws: ClientError.self) { try Client(endpoint).reverse("x") }
        guard case .cannotConnect = error?.reason else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.endpoint == endpoint)
        #expect(error?.description.contains("/nonexistent/socket") == true)
    }
}
