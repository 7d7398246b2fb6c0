import DispatchServer
import MetricsExport

private let site = HTTPSite(metrics: { "up 1\n" }, trouble: { nil }, clock: { 0 })

/// HTTP for scrapers: the answers do not depend on how the stream is divided, the responses are complete, and no more bytes are
/// kept than a request may have.
func checkHTTP(_ input: [UInt8]) {
    var script = Script(input)
    let sizes = (0..<4).map { _ in 1 + script.number(below: 64) }
    let stream = Array(script.rest)
    let (whole, ending) = answersOverHTTP(stream, [max(1, stream.count)])
    let (cut, endingOfCut) = answersOverHTTP(stream, sizes)
    require(whole == cut && ending == endingOfCut, "the answers depend on how the stream is divided")
    let text = String(decoding: whole, as: UTF8.self)
    require(text.isEmpty || text.hasPrefix("HTTP/1.1 "), "not a response: \(text)")
    if case .refused = ending {
        require(text.contains("\r\nConnection: close\r\n"), "a refusal does not close the connection")
    }
}

private func answersOverHTTP(_ stream: [UInt8], _ sizes: [Int]) -> ([UInt8], SessionStep.Ending?) {
    var session = HTTPSession(options: site)
    let context = HTTPSession.Context(limits: NoOptions())
    var buffer: [UInt8] = []
    var answers: [UInt8] = []
    var rest = stream[...]
    var turn = 0
    while !rest.isEmpty {
        let piece = rest.prefix(sizes[turn % sizes.count])
        turn += 1
        rest = rest.dropFirst(piece.count)
        buffer += piece
        let step = buffer.withUnsafeMutableBytes { session.receive($0, context) }
        require(step.consumed <= buffer.count, "more bytes are consumed than there are")
        require(step.consumed == 0 || step.output != nil, "a request is sent back as its answer")
        answers += step.output ?? []
        buffer.removeFirst(step.consumed)
        if let ending = step.ending { return (answers, ending) }
        require(buffer.count < HTTPSession.maximumHead, "more bytes are kept than a request may have")
    }
    return (answers, nil)
}
