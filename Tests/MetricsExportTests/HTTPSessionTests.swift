import DispatchServer
import TestSupport
import Testing

@testable import MetricsExport

@Suite("HTTP for scrapers")
struct HTTPSessionTests {
    /// The site of the tests: a short page, and good health.
    static let site = HTTPSite(metrics: { "up 1\n" }, trouble: { nil }, clock: { 784_111_777 })

    /// The answers to a client that sends `stream` in pieces of these sizes, repeatedly, and then its end of file; and why the server
    /// closed the connection, if it did.
    static func answers(_ stream: [UInt8], pieces: [Int] = [.max], site: HTTPSite = site) -> (
        String, SessionStep.Ending?
    ) {
        var session = HTTPSession(options: site)
        let context = HTTPSession.Context(limits: NoOptions())
        var sent: [UInt8] = []
        var buffer: [UInt8] = []
        var rest = stream[...]
        var turn = 0
        while !rest.isEmpty {
            let piece = rest.prefix(pieces[turn % pieces.count])
            turn += 1
            rest = rest.dropFirst(piece.count)
            buffer += piece
            let step = buffer.withUnsafeMutableBytes { session.receive($0, context) }
            sent += step.output ?? Array(buffer.prefix(step.consumed))
            buffer.removeFirst(step.consumed)
            if let ending = step.ending { return (String(decoding: sent, as: UTF8.self), ending) }
        }
        let step = buffer.withUnsafeMutableBytes { session.receiveEndOfFile($0, context) }
        #expect(step.output == [])
        return (String(decoding: sent, as: UTF8.self), nil)
    }

    static func answers(_ stream: String) -> (String, SessionStep.Ending?) { answers(Array(stream.utf8)) }

    @Test(
        "Pages",
        arguments: [
            ("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", "up 1\n"),
            ("GET /metrics?x=1 HTTP/1.1\r\nHOST:a:80\r\nAccept: */*\r\n\r\n", "200 OK", "up 1\n"),
            ("GET http://a.example/metrics HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", "up 1\n"),
            ("GET /metrics HTTP/1.1\r\nHost:\r\nContent-Length: 0\r\n\r\n", "200 OK", "up 1\n"),
            ("\r\nGET /healthz HTTP/1.0\r\n\r\n", "200 OK", "ok\n"),
            ("GET /healthz HTTP/1.2\r\nHost: a\r\n\r\n", "200 OK", "ok\n"),
            ("HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", ""),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found", "There are /metrics and /healthz.\n"),
            (
                "GET http://a.example HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found",
                "There are /metrics and /healthz.\n"
            ),
        ]
    )
    func pages(request: String, status: String, body: String) {
        let (answer, _) = Self.answers(request)
        #expect(answer.hasPrefix("HTTP/1.1 \(status)\r\n"))
        #expect(answer.contains("\r\n\r\n\(body)") && answer.hasSuffix("\r\n\r\n\(body)"))
        let length = request.hasPrefix("HEAD") ? 5 : body.utf8.count
        #expect(answer.contains("\r\nContent-Length: \(length)\r\n"))
    }

    @Test(
        "Each response has its date, except when the clock is beyond the year 9999",
        arguments: ["GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.0\r\n\r\n", "rubbish\r\n\r\n"]
    )
    func date(request: String) {
        #expect(Self.answers(request).0.contains("\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"))
        let site = HTTPSite(metrics: { "" }, trouble: { nil }, clock: { .max })
        #expect(!Self.answers(Array(request.utf8), site: site).0.contains("Date:"))
    }

    @Test("Health that is bad says why")
    func trouble() {
        let site = HTTPSite(metrics: { "" }, trouble: { "stopping" })
        let (answer, _) = Self.answers(Array("GET /healthz HTTP/1.0\r\n\r\n".utf8), site: site)
        #expect(
            answer.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n") && answer.hasSuffix("\r\n\r\nstopping\n")
        )
    }

    @Test(
        "A connection stays or ends as HTTP says",
        arguments: [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true), ("GET / HTTP/1.0\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: foo , CLOSE\r\n\r\n", false),
            ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
        ]
    )
    func keepAlive(request: String, stays: Bool) {
        let (answer, ending) = Self.answers(request + request)
        #expect(answer.components(of: "HTTP/1.1 404") == (stays ? 2 : 1))
        #expect(ending == (stays ? nil : .finished))
        #expect(answer.contains("Connection: close") == !stays)
    }

    @Test(
        "What two programs could read differently is refused, and nothing behind it is read",
        arguments: [
            "GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\n\r\n", "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 00\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n", "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n: empty\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "GET /\r\n\r\n", "GET / http/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.10\r\nHost: a\r\n\r\n", "GET metrics HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\n",
            "\n",
            "G{T / HTTP/1.1\r\nHost: a\r\n\r\n",
        ]
    )
    func refused(request: String) {
        let (answer, ending) = Self.answers(request + "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
        #expect(answer.components(of: "HTTP/1.1 ") == 1 && answer.contains("\r\nConnection: close\r\n"))
        guard case .refused(let reason) = ending else { return #expect(ending == .refused("")) }
        #expect(reason.hasPrefix("an HTTP request with "))
    }

    @Test("Other methods and versions get the specified answers")
    func others() {
        #expect(Self.answers("POST / HTTP/1.1\r\nHost: a\r\n\r\n").0.contains("405 Method Not Allowed\r\n"))
        #expect(Self.answers("POST / HTTP/1.1\r\nHost: a\r\n\r\n").0.contains("Allow: GET, HEAD\r\n"))
        #expect(Self.answers("GET / HTTP/2.0\r\nHost: a\r\n\r\n").0.contains("505 "))
        #expect(Self.answers("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").0.contains("505 "))
    }

    @Test("A request has at most 8 KiB in total, and is refused as soon as it has more")
    func size() {
        let front = "GET /metrics HTTP/1.1\r\nHost: a\r\nX: "
        let most = HTTPSession.maximumHead - front.utf8.count - 4
        let fits = front + String(repeating: "x", count: most) + "\r\n\r\n"
        #expect(Self.answers(fits + fits).0.components(of: "200 OK") == 2)
        #expect(Self.answers(front + String(repeating: "x", count: most + 1) + "\r\n\r\n").0.contains("431 "))
        #expect(Self.answers(String(repeating: "x", count: 8191)).1 == nil)
        #expect(Self.answers(String(repeating: "x", count: 8192)).0.contains("431 "))
        #expect(
            Self.answers("GET / HTTP/1.1\r\n" + String(repeating: "A: b\r\n", count: 2000)).0.contains("431 ")
        )
    }

    @Test("A connection brings at most a hundred requests, pipelined or not")
    func pipelining() {
        let (answer, ending) = Self.answers(
            String(repeating: "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", count: 150)
        )
        #expect(answer.components(of: "200 OK") == 100)
        #expect(answer.components(of: "Connection: close") == 1 && ending == .finished)
    }

    @Test("For any input the answers do not depend on how the stream is divided, and the time is linear")
    func fuzz() {
        var random = SeededGenerator(seed: 11)
        let seeds = [
            "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
            "\r\nGET http://b/?q HTTP/1.1\r\nhost:\tb \r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ].map { Array($0.utf8) }
        var kinds: Set<String> = []
        for _ in 0..<1500 {
            var stream: [UInt8] = []
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                stream += seeds.randomElement(using: &random) ?? []
            }
            for _ in 0..<Int.random(in: 0...3, using: &random) { Self.mutate(&stream, &random) }
            let whole = Self.answers(stream)
            kinds.insert(String(whole.0.dropFirst(9).prefix(3)))
            let byBytes = Self.answers(stream, pieces: [1])
            #expect(byBytes.0 == whole.0 && byBytes.1 == whole.1, "\(stream)")
            let pieces = (0..<7).map { _ in Int.random(in: 1...40, using: &random) }
            let inPieces = Self.answers(stream, pieces: pieces)
            #expect(inPieces.0 == whole.0 && inPieces.1 == whole.1, "\(stream)")
        }
        #expect(kinds.isSuperset(of: ["200", "400", "404", "405", ""]))
    }

    @Test("A head that arrives byte by byte is scanned once")
    func linear() {
        let clock = ContinuousClock()
        let head = Array(
            ("GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "A: b\r\n", count: 1300) + "\r\n").utf8
        )
        let time = clock.measure { #expect(Self.answers(head, pieces: [1]).0.contains("404 ")) }
        // If every byte was compared with all earlier ones, this would be 32 million comparisons, seconds in a debug build.
        #expect(time < .seconds(1))
    }

    private static func mutate(_ stream: inout [UInt8], _ random: inout SeededGenerator) {
        guard !stream.isEmpty else { return }
        let index = Int.random(in: 0..<stream.count, using: &random)
        let special: [UInt8] = [
            0, 9, 10, 13, 32, 35, 44, 58, 127, 128, 255, UInt8.random(in: 0...255, using: &random),
        ]
        switch Int.random(in: 0...5, using: &random) {
        case 0: stream[index] = special.randomElement(using: &random) ?? 0
        case 1: stream.insert(special.randomElement(using: &random) ?? 0, at: index)
        case 2: stream.remove(at: index)
        case 3: stream.removeSubrange(index..<min(stream.count, index + 20))
        case 4: stream.insert(contentsOf: stream[index..<min(stream.count, index + 30)], at: index)
        default:
            stream.insert(
                contentsOf: repeatElement(
                    special.randomElement(using: &random) ?? 0,
                    count: Int.random(in: 1...9000, using: &random)
                ),
                at: index
            )
        }
    }
}

extension String {
    /// How often it contains `part`.
    func components(of part: String) -> Int {
        var count = 0
        var rest = self[...]
        while let range = rest.firstRange(of: part) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}
