import DispatchServer
import Glibc

/// Answers each line with its bytes reversed. The lines `quit` and `break` end the connection.
struct LineSession: Session {
    enum Options: Hashable, Sendable {
        /// The answer is written over the request.
        case inPlace
        /// The answer is separate output, and has each line twice.
        case twice
        /// As `inPlace`, but each answer has a `!` before the newline that ends it.
        case marked
        /// As `inPlace`, but the connection cannot be handed over.
        case bound
    }

    struct Limits: Equatable, Sendable {
        /// A line that is longer is refused.
        var longestLine = 4 << 20
    }

    private static let newline = UInt8(ascii: "\n")
    private let options: Options

    init(options: Options) { self.options = options }

    private var isInPlace: Bool { options == .inPlace || options == .bound }

    var handOverState: [UInt8]? {
        switch options {
        case .inPlace: [1]
        case .twice: [2]
        case .marked: [3]
        case .bound: nil
        }
    }

    init?(handedOver state: [UInt8]) {
        switch state {
        case [1]: options = .inPlace
        case [2]: options = .twice
        case [3]: options = .marked
        default: return nil
        }
    }

    func receive(_ buffer: UnsafeMutableRawBufferPointer, _ context: Context) -> SessionStep {
        var step = SessionStep(consumed: 0, output: isInPlace ? nil : [], requests: 0)
        while step.ending == nil, let end = Self.endOfLine(in: buffer, from: step.consumed) {
            if end - step.consumed > context.limits.longestLine { break }
            answer(buffer, upTo: end, &step)
            step.output?.append(Self.newline)
            step.consumed = end + 1
        }
        if step.ending == nil, buffer.count - step.consumed > context.limits.longestLine {
            step.ending = .refused("a line is too long")
        }
        return step
    }

    func receiveEndOfFile(_ buffer: UnsafeMutableRawBufferPointer, _ context: Context) -> SessionStep {
        var step = SessionStep(consumed: 0, output: isInPlace ? nil : [], requests: 0)
        if !buffer.isEmpty { answer(buffer, upTo: buffer.count, &step) }
        step.consumed = buffer.count
        return step
    }

    /// memchr(3), because a test of a debug build looks at many megabytes.
    private static func endOfLine(in buffer: UnsafeMutableRawBufferPointer, from start: Int) -> Int? {
        guard start < buffer.count, let base = buffer.baseAddress else { return nil }
        return memchr(base + start, Int32(newline), buffer.count - start).map { $0 - base }
    }

    private func answer(_ buffer: UnsafeMutableRawBufferPointer, upTo end: Int, _ step: inout SessionStep) {
        var line = UnsafeMutableRawBufferPointer(rebasing: buffer[step.consumed..<end])
        if line.elementsEqual("quit".utf8) { step.ending = .finished }
        if line.elementsEqual("break".utf8) { step.ending = .refused("a rule was broken") }
        switch options {
        case .inPlace, .bound: line.reverse()
        case .twice: step.output? += line.reversed() + [Self.newline] + line.reversed()
        case .marked: step.output? += line.reversed() + [UInt8(ascii: "!")]
        }
        step.requests += 1
    }
}
