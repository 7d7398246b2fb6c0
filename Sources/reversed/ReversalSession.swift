import DispatchServer
import ReverseCore

/// Reversal as the server library serves it.
struct ReversalSession: DispatchServer.Session {
    static let requestKinds = ReversalPath.allCases.map(\.name)

    private var session: ReverseCore.Session

    init(options: ReversalOptions) {
        session = ReverseCore.Session(framing: options.framing, unit: options.unit, maximumLineBytes: .max)
    }

    mutating func receive(_ buffer: UnsafeMutableRawBufferPointer, limits: ReversalLimits) -> SessionStep {
        session.maximumLineBytes = limits.maximumLineBytes
        return SessionStep(session.received(buffer))
    }

    mutating func receiveEndOfFile(_ buffer: UnsafeMutableRawBufferPointer, limits: ReversalLimits)
        -> SessionStep
    {
        session.maximumLineBytes = limits.maximumLineBytes
        return SessionStep(session.receivedEndOfFile(buffer))
    }

    mutating func receive(
        _ buffer: UnsafeMutableRawBufferPointer,
        limits: ReversalLimits,
        tally: RequestTally
    ) -> SessionStep {
        session.maximumLineBytes = limits.maximumLineBytes
        var lines = LineTally()
        let step = session.received(buffer, tally: &lines)
        tally.add(lines)
        return SessionStep(step)
    }

    mutating func receiveEndOfFile(
        _ buffer: UnsafeMutableRawBufferPointer,
        limits: ReversalLimits,
        tally: RequestTally
    ) -> SessionStep {
        session.maximumLineBytes = limits.maximumLineBytes
        var lines = LineTally()
        let step = session.receivedEndOfFile(buffer, tally: &lines)
        tally.add(lines)
        return SessionStep(step)
    }
}

extension RequestTally {
    fileprivate func add(_ lines: borrowing LineTally) {
        for path in 0..<lines.lines.count where lines.lines[path] > 0 {
            add(requests: lines.lines[path], bytes: lines.bytes[path], kind: path)
        }
        for index in 0..<lines.sizes.count where lines.sizes[index] > 0 {
            add(requests: Int(lines.sizes[index]), sizeClass: index)
        }
    }
}

extension SessionStep {
    fileprivate init(_ step: ReverseCore.Session.Step) {
        let ending: Ending? =
            switch step.ending {
            case nil: nil
            case .endOfFile: .finished
            case .lineTooLong: .refused("a line was longer than max_line_bytes")
            }
        self.init(consumed: step.answered, requests: step.requests, ending: ending)
    }
}
