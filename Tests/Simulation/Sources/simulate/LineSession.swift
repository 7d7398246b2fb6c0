import DispatchServer

/// The session under which the engine is tested: each line is answered with its bytes in reverse order. `quit` ends the
/// connection, a line that is too long ends it without an answer.
struct LineSession: Session {
    struct Options: Hashable, Sendable {
        /// Answers in memory of its own instead of in place.
        var makesOutput = false
    }

    struct Limits: Equatable, Sendable { var maximumLine: Int }

    private let options: Options

    init(options: Options) { self.options = options }

    var handOverState: [UInt8]? { [options.makesOutput ? 1 : 0] }

    init?(handedOver state: [UInt8]) {
        guard state.count == 1 else { return nil }
        options = Options(makesOutput: state[0] == 1)
    }

    mutating func receive(_ buffer: UnsafeMutableRawBufferPointer, _ context: Context) -> SessionStep {
        var start = 0
        var requests = 0
        var ending: SessionStep.Ending?
        while ending == nil, let end = buffer[start...].firstIndex(of: 10) {
            guard end - start <= context.limits.maximumLine else {
                ending = .refused("a line was too long")
                break
            }
            var line = UnsafeMutableRawBufferPointer(rebasing: buffer[start..<end])
            if line.elementsEqual("quit".utf8) { ending = .finished }
            line.reverse()
            start = end + 1
            requests += 1
        }
        if ending == nil, buffer.count - start > context.limits.maximumLine {
            ending = .refused("a line was too long")
        }
        return step(buffer, start, requests, ending)
    }

    mutating func receiveEndOfFile(_ buffer: UnsafeMutableRawBufferPointer, _ context: Context) -> SessionStep
    {
        guard buffer.count <= context.limits.maximumLine else {
            return SessionStep(consumed: 0, requests: 0, ending: .refused("a line was too long"))
        }
        var whole = buffer
        whole.reverse()
        return step(buffer, buffer.count, buffer.isEmpty ? 0 : 1, .finished)
    }

    private func step(
        _ buffer: UnsafeMutableRawBufferPointer,
        _ consumed: Int,
        _ requests: Int,
        _ ending: SessionStep.Ending?
    ) -> SessionStep {
        let output = options.makesOutput ? Array(buffer[..<consumed]) : nil
        return SessionStep(consumed: consumed, output: output, requests: requests, ending: ending)
    }
}
