import Sockets

@testable import DispatchServer

/// A PROXY header: its end does not depend on how it is divided, nothing after it is consumed, and without its last byte it is
/// not complete.
func checkProxyHeader(_ input: [UInt8]) {
    var script = Script(input)
    let cut = script.number(below: 256)
    let bytes = Array(script.rest)
    let (whole, last) = read(bytes, first: bytes.count)
    let (pieces, _) = read(bytes, first: min(cut, bytes.count))
    switch (whole, pieces) {
    case (.invalid, .invalid): break
    default: require(whole == pieces, "\(whole) at once, \(pieces) when divided after \(cut) bytes")
    }
    guard case .complete = whole else { return }
    require(
        last <= min(bytes.count, ProxyHeader.maximumLength),
        "\(last) of \(bytes.count) bytes are consumed"
    )
    require(
        read(Array(bytes[..<last]), first: last).step == whole,
        "bytes after the header change the result"
    )
    require(
        read(Array(bytes[..<(last - 1)]), first: 1).step == .needsMore,
        "it is complete without its last byte"
    )
}

/// The result of reading the bytes in two pieces, and where the header ends if it is complete.
private func read(_ bytes: [UInt8], first: Int) -> (step: ProxyHeader.Step, end: Int) {
    var header = ProxyHeader()
    for (start, piece) in [(0, bytes[..<first]), (first, bytes[first...])] where !piece.isEmpty {
        switch piece.withUnsafeBytes({ header.receive($0) }) {
        case .needsMore: continue
        case .complete(let length, let client):
            return (.complete(length: start + length, client: client), start + length)
        case .invalid(let failure): return (.invalid(failure), 0)
        }
    }
    return (.needsMore, 0)
}

/// A network: its text is read as the same network.
func checkNetwork(_ input: [UInt8]) {
    guard let network = try? Network(parsing: String(decoding: input, as: UTF8.self)) else { return }
    require((try? Network(parsing: "\(network)")) == network, "\(network) is read differently")
}
