// reverse-lines [character|scalar|byte]: reverses each line of standard input, as the server does.
import Glibc
import ReverseCore

guard let unit = ReversalUnit(rawValue: CommandLine.arguments.dropFirst().first ?? "character") else {
    print("usage: reverse-lines [\(ReversalUnit.allCases.map(\.rawValue).joined(separator: "|"))]")
    exit(64)
}
// The server has such a session for each client. It writes the answers over the requests in the buffer.
var session = Session(framing: .line, unit: unit, maximumLineBytes: 1 << 20)
var buffer: [UInt8] = []
var block = [UInt8](repeating: 0, count: 65_536)
while true {
    let count = read(0, &block, block.count)
    buffer += block.prefix(max(0, count))
    let step = buffer.withUnsafeMutableBytes { bytes in
        count > 0 ? session.received(bytes) : session.receivedEndOfFile(bytes)
    }
    guard write(1, buffer, step.answered) == step.answered else { exit(1) }
    buffer.removeFirst(step.answered)  // The rest is an incomplete line.
    switch step.ending {
    case nil: break
    case .endOfFile: exit(0)
    case .lineTooLong: exit(1)
    }
}
