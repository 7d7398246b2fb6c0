import DispatchServer

/// HTTP/1.1 and 1.0 (RFC 9112) for scrapers and health checks: GET and HEAD, no bodies, as a session of the server library.
///
/// It is strict. A request that two programs could parse differently ends the connection: a line without CR, a body or a field
/// that announces one, two Host fields, folded lines, space before a colon, control characters.
public struct HTTPSession: Session {
    /// The content.
    public typealias Options = HTTPSite
    /// None: the limits are constants of this type.
    public typealias Limits = NoOptions

    /// The maximum length of a request in bytes.
    public static let maximumHead = 8192
    /// The maximum number of requests on a connection. It limits the work of one receive.
    public static let maximumRequests = 100

    private let site: HTTPSite
    private var answered = 0
    /// How many bytes of the first request in the buffer were scanned, and where its last line begins.
    private var scanned = 0
    private var lineStart = 0

    /// Makes a session.
    public init(options: HTTPSite) { site = options }

    /// Answers each complete request.
    public mutating func receive(_ buffer: UnsafeMutableRawBufferPointer, _ context: Context) -> SessionStep {
        var step = SessionStep(consumed: 0, requests: 0)
        while step.ending == nil, let head = unsafe nextHead(in: buffer, from: step.consumed) {
            let request: HTTPRequest
            switch head {
            case .failure(let error):
                refuse(error, &step)
                continue
            case .success(let end):
                let bytes = unsafe UnsafeRawBufferPointer(rebasing: buffer[step.consumed..<end])
                step.consumed = end
                scanned = 0
                lineStart = 0
                do throws(HTTPError) { request = try unsafe HTTPRequest(head: bytes) } catch {
                    refuse(error, &step)
                    continue
                }
            }
            answered += 1
            step.requests += 1
            let closes = !request.keepsAlive || answered >= Self.maximumRequests
            let response = site.answer(request.path)
            step.output = (step.output ?? []) + response.bytes(for: request, date: site.date, closes: closes)
            if closes { step.ending = .finished }
        }
        return step
    }

    /// Answers nothing: the remaining bytes are an incomplete request.
    public mutating func receiveEndOfFile(_ buffer: UnsafeMutableRawBufferPointer, _ context: Context)
        -> SessionStep
    {
        SessionStep(consumed: buffer.count, output: [], requests: 0, ending: .finished)
    }

    private func refuse(_ error: HTTPError, _ step: inout SessionStep) {
        step.requests += 1
        step.output = (step.output ?? []) + error.response.bytes(for: nil, date: site.date, closes: true)
        step.ending = .refused(error.reason)
    }

    /// The end of the request that begins at `start`, after its empty line; nil if that has not arrived.
    private mutating func nextHead(in buffer: UnsafeMutableRawBufferPointer, from start: Int)
        -> Result<Int, HTTPError>?
    {
        let end = min(buffer.count, start + Self.maximumHead)
        while start + scanned < end {
            let index = start + scanned
            scanned += 1
            guard unsafe buffer[index] == UInt8(ascii: "\n") else { continue }
            guard index > start + lineStart, unsafe buffer[index - 1] == UInt8(ascii: "\r") else {
                return .failure(.badRequest("a line ends without CR"))
            }
            let isEmpty = index - 1 == start + lineStart
            lineStart = scanned
            // RFC 9112, section 2.2: an empty line before a request is skipped.
            if isEmpty, scanned > 2 { return .success(index + 1) }
        }
        return scanned >= Self.maximumHead ? .failure(.tooLarge) : nil
    }
}
