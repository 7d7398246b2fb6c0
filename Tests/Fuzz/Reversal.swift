import ReverseCore
import TestSupport

/// Every unit against the slow reference: the answers are equal, and have the bytes of the line.
func checkReversal(_ input: [UInt8]) {
    let line = Array(input.prefix(2048))
    for unit in ReversalUnit.allCases {
        let reversed = unit.reversed(line)
        require(
            reversed == referenceReversal(line, unit: unit),
            "\(unit): the answer differs from the reference"
        )
        require(reversed.sorted() == line.sorted(), "\(unit): the answer has other bytes than the line")
        // A boundary may depend on what precedes it, so only the reversal of bytes is always its own inverse.
        if unit == .byte {
            require(unit.reversed(reversed) == line, "\(unit): reversed twice it is not the line")
        }
    }
}

/// The session against a model that divides the whole stream at once.
func checkSession(_ input: [UInt8]) {
    var script = Script(input)
    let unit = ReversalUnit.allCases[script.number(below: ReversalUnit.allCases.count)]
    let limit = 1 + script.number(below: 8)
    var session = Session(framing: .line, unit: unit, maximumLineBytes: limit)
    var stream: [UInt8] = []
    var buffer: [UInt8] = []
    var answers: [UInt8] = []
    var requests = 0
    var ending: Session.Ending?
    while !script.isAtEnd {
        let piece = script.piece(1 + script.number(below: 16))
        stream += piece
        // The model sees the whole stream, so a session that ends too early is found.
        if ending != nil { continue }
        buffer += piece
        let step = buffer.withUnsafeMutableBytes { session.received($0) }
        require(step.answered <= buffer.count, "more bytes are answered than there are")
        answers += buffer.prefix(step.answered)
        buffer.removeFirst(step.answered)
        requests += step.requests
        ending = step.ending
        require(buffer.count <= limit + 1 || ending != nil, "more bytes are kept than a line may have")
    }
    if ending == nil {
        let step = buffer.withUnsafeMutableBytes { session.receivedEndOfFile($0) }
        answers += buffer.prefix(step.answered)
        requests += step.requests
        ending = step.ending
    }
    let model = answersOfModel(stream, unit, limit)
    require(answers == model.answers, "the answers differ from the model")
    require(requests == model.requests, "\(requests) requests, the model has \(model.requests)")
    require(ending == (model.isTooLong ? .lineTooLong : .endOfFile), "\(String(describing: ending))")
}

private func answersOfModel(_ stream: [UInt8], _ unit: ReversalUnit, _ limit: Int)
    -> (answers: [UInt8], requests: Int, isTooLong: Bool)
{
    var answers: [UInt8] = []
    var requests = 0
    for piece in stream.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
        let isLast = piece.offset == stream.count { $0 == 0x0A }
        let hasReturn = !isLast && piece.element.last == 0x0D
        let line = Array(hasReturn ? piece.element.dropLast() : piece.element)
        if line.count > limit { return (answers, requests, true) }
        if isLast && line.isEmpty { break }
        answers += unit.reversed(line) + (hasReturn ? [0x0D] : []) + (isLast ? [] : [0x0A])
        requests += 1
    }
    return (answers, requests, false)
}
