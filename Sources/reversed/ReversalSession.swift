import DispatchServer
import ReverseCore

/// Reversal as the server library serves it.
struct ReversalSession: DispatchServer.Session {
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
