import DispatchServer

/// HTTP/1.1 and 1.0 (RFC 9112) for scrapers and health checks: GET and HEAD, no bodies, as a session of the server library.
///
/// Strict on purpose. Whatever two programs could read differently ends the connection: a line that ends without CR, a body
/// or a header that announces one, two Host fields, folded lines, space before a colon, control characters.
public struct HTTPSession: Session {
    /// What is served.
    public typealias Options = HTTPSite
    /// Fixed limits are in this type.
    public typealias Limits = NoOptions

    /// The most bytes that a request may have.
    public static let maximumHead = 8192
    /// How many requests a connection may bring. It bounds what one receive can ask for.
    public static let maximumRequests = 100

    private let site: HTTPSite
    private var answered = 0
    /// How many bytes of the request at the front of the buffer were looked at, and where its last line begins.
    private var scanned = 0
    private var lineStart = 0

    /// Begins a conversation.
    public init(options: HTTPSite) { site = options }

    /// Answers each request that is there whole.
    public mutating func receive(_ buffer: UnsafeMutableRawBufferPointer, limits: NoOptions) -> SessionStep {
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
            step.output = (step.output ?? []) + response.bytes(for: request, closes: closes)
            if closes { step.ending = .finished }
        }
        return step
    }

    /// Answers nothing: what is left is half a request.
    public mutating func receiveEndOfFile(_ buffer: UnsafeMutableRawBufferPointer, limits: NoOptions)
        -> SessionStep
    {
        SessionStep(consumed: buffer.count, output: [], requests: 0, ending: .finished)
    }

    private func refuse(_ error: HTTPError, _ step: inout SessionStep) {
        step.requests += 1
        step.output = (step.output ?? []) + error.response.bytes(for: nil, closes: true)
        step.ending = .refused(error.reason)
    }

    /// The end of the request that begins at `start`, once it is there: behind the first empty line.
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
            // RFC 9112, section 2.2: an empty line before a request is passed over.
            if isEmpty, scanned > 2 { return .success(index + 1) }
        }
        return scanned >= Self.maximumHead ? .failure(.tooLarge) : nil
    }
}
