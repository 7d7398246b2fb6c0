import DispatchServer
import ReverseCore

/// Adapts the session of `ReverseCore` to the server library.
struct ReversalSession: DispatchServer.Session {
    typealias Limits = ReversalLimits

    static let requestKinds = ReversalPath.allCases.map(\.name)

    private var session: ReverseCore.Session

    init(options: ReversalOptions) {
        session = ReverseCore.Session(framing: options.framing, unit: options.unit, maximumLineBytes: .max)
    }

    mutating func receive(_ buffer: UnsafeMutableRawBufferPointer, _ context: Context) -> SessionStep {
        session.maximumLineBytes = context.limits.maximumLineBytes
        var lines = LineTally()
        let step = unsafe session.received(buffer, tally: &lines)
        context.tally.add(lines)
        return SessionStep(step)
    }

    mutating func receiveEndOfFile(
        _ buffer: UnsafeMutableRawBufferPointer,
        _ context: Context
    ) -> SessionStep {
        session.maximumLineBytes = context.limits.maximumLineBytes
        var lines = LineTally()
        let step = unsafe session.receivedEndOfFile(buffer, tally: &lines)
        context.tally.add(lines)
        return SessionStep(step)
    }

    // The state has three bytes: the version of the format, the framing, the unit. It does not contain how much of an incomplete
    // line was scanned: the line is scanned again.
    //
    // To change it, append bytes that older releases may ignore, and use their defaults if they are missing. Raise `stateVersion`
    // only for what an older release must not ignore: it then ends the connection. Never reuse a code.

    private static let stateVersion: UInt8 = 1
    private static let framingCodes: [(Framing, UInt8)] = [(.line, 1), (.chunk, 2)]
    private static let unitCodes: [(ReversalUnit, UInt8)] = [(.character, 1), (.scalar, 2), (.byte, 3)]

    var handOverState: [UInt8]? {
        guard let framing = Self.framingCodes.first(where: { $0.0 == session.framing })?.1,
            let unit = Self.unitCodes.first(where: { $0.0 == session.unit })?.1
        else { return nil }
        return [Self.stateVersion, framing, unit]
    }

    init?(handedOver state: [UInt8]) {
        guard state.count >= 3, state[0] == Self.stateVersion,
            let framing = Self.framingCodes.first(where: { $0.1 == state[1] })?.0,
            let unit = Self.unitCodes.first(where: { $0.1 == state[2] })?.0
        else { return nil }
        session = ReverseCore.Session(framing: framing, unit: unit, maximumLineBytes: .max)
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
