import DispatchServer
import MetricsExport

private let site = HTTPSite(metrics: { "up 1\n" }, trouble: { nil }, clock: { 0 })

/// HTTP for scrapers: the same answers however the stream is cut, no more kept than a request may have, and whole responses.
func checkHTTP(_ input: [UInt8]) {
    var script = Script(input)
    let sizes = (0..<4).map { _ in 1 + script.number(below: 64) }
    let stream = Array(script.rest)
    let (whole, ending) = answersOverHTTP(stream, [max(1, stream.count)])
    let (cut, endingOfCut) = answersOverHTTP(stream, sizes)
    require(whole == cut && ending == endingOfCut, "other answers when the stream is cut")
    let text = String(decoding: whole, as: UTF8.self)
    require(text.isEmpty || text.hasPrefix("HTTP/1.1 "), "no response: \(text)")
    if case .refused = ending {
        require(text.contains("\r\nConnection: close\r\n"), "refused and not closed")
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
        require(step.consumed <= buffer.count, "more is consumed than there is")
        require(step.consumed == 0 || step.output != nil, "requests are sent back")
        answers += step.output ?? []
        buffer.removeFirst(step.consumed)
        if let ending = step.ending { return (answers, ending) }
        require(buffer.count < HTTPSession.maximumHead, "more is kept than a request may have")
    }
    return (answers, nil)
}
