import Sockets

@testable import DispatchServer

/// A PROXY header: the same end however it is cut, nothing taken from behind it, and not complete without its last byte.
func checkProxyHeader(_ input: [UInt8]) {
    var script = Script(input)
    let cut = script.number(below: 256)
    let bytes = Array(script.rest)
    let (whole, last) = read(bytes, first: bytes.count)
    let (pieces, _) = read(bytes, first: min(cut, bytes.count))
    switch (whole, pieces) {
    case (.invalid, .invalid): break
    default: require(whole == pieces, "\(whole) whole, \(pieces) cut after \(cut)")
    }
    guard case .complete = whole else { return }
    require(last <= min(bytes.count, ProxyHeader.maximumLength), "took \(last) of \(bytes.count) bytes")
    require(read(Array(bytes[..<last]), first: last).step == whole, "what follows the header changes it")
    require(read(Array(bytes[..<(last - 1)]), first: 1).step == .needsMore, "complete without its last byte")
}

/// What the bytes lead to in two pieces, and where the header ends if it does.
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

/// A network: what is printed reads as the same one.
func checkNetwork(_ input: [UInt8]) {
    guard let network = try? Network(parsing: String(decoding: input, as: UTF8.self)) else { return }
    require((try? Network(parsing: "\(network)")) == network, "\(network) reads as another")
}
