import Glibc

/// The content: the metrics, and the health of the program. A site is equal only to itself.
public final class HTTPSite: Hashable, Sendable {
    private let metrics: @Sendable () -> String
    private let trouble: @Sendable () -> String?
    private let clock: @Sendable () -> Int

    /// Makes a site. The closures are called on threads that serve clients, so they must not wait.
    ///
    /// - Parameters:
    ///   - metrics: Returns the text for `/metrics`.
    ///   - trouble: Returns why `/healthz` answers 503; nil for 200.
    ///   - clock: Returns the time in seconds since 1970, for the Date of a response.
    public init(
        metrics: @escaping @Sendable () -> String,
        trouble: @escaping @Sendable () -> String?,
        clock: @escaping @Sendable () -> Int = { time(nil) }
    ) {
        self.metrics = metrics
        self.trouble = trouble
        self.clock = clock
    }

    /// Whether both are the same.
    public static func == (one: HTTPSite, other: HTTPSite) -> Bool { one === other }

    /// Adds its identity.
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }

    /// The date of a response that is sent now; nil if the clock is far off.
    var date: String? { HTTPDate.text(of: clock()) }

    func answer(_ path: String) -> HTTPResponse {
        switch path {
        case "/metrics":
            HTTPResponse("200 OK", type: PrometheusText.mediaType, body: metrics())
        case "/healthz":
            if let trouble = trouble() {
                HTTPResponse("503 Service Unavailable", body: trouble + "\n")
            } else {
                HTTPResponse("200 OK", body: "ok\n")
            }
        default:
            HTTPResponse("404 Not Found", body: "There are /metrics and /healthz.\n")
        }
    }
}

/// A response, without the fields that depend on the request.
struct HTTPResponse {
    private let status: String
    private let fields: String
    private let body: String

    /// - Parameters:
    ///   - body: The body; by default the text of the status.
    ///   - fields: Further header fields, each with its CR LF.
    init(
        _ status: String,
        type: String = "text/plain; charset=utf-8",
        body: String? = nil,
        fields: String = ""
    ) {
        self.status = status
        self.fields = "Content-Type: \(type)\r\nCache-Control: no-store\r\n" + fields
        self.body = body ?? status + "\n"
    }

    /// The bytes of the response to `request`; nil for a request that could not be parsed.
    func bytes(for request: HTTPRequest?, date: String?, closes: Bool) -> [UInt8] {
        var head = "HTTP/1.1 \(status)\r\n\(fields)Content-Length: \(body.utf8.count)\r\n"
        if let date { head += "Date: \(date)\r\n" }
        if closes {
            head += "Connection: close\r\n"
        } else if request?.isOld == true {
            head += "Connection: keep-alive\r\n"
        }
        head += "\r\n"
        return Array(head.utf8) + (request?.isHead == true ? [] : Array(body.utf8))
    }
}
