@testable import LineEditor

/// The keys do not depend on how the bytes of the terminal are divided.
func checkKeys(_ input: [UInt8]) {
    let bytes = Array(input.prefix(1024))
    // The one exception: Alt with a key such as Space looks like the beginning of a sequence, so a pause decides.
    if zip(bytes, bytes.dropFirst()).contains(where: { $0 == 0x1B && (0x20...0x2F).contains($1) }) { return }
    var whole = KeyDecoder()
    let atOnce = joined(whole.decode(bytes))
    var single = KeyDecoder()
    let byByte = joined(bytes.flatMap { single.decode([$0]) })
    require(
        atOnce.filter { $0 != .unknown } == byByte.filter { $0 != .unknown },
        "at once \(atOnce), byte by byte \(byByte)"
    )
}

private func joined(_ keys: [Key]) -> [Key] {
    keys.reduce(into: []) { result, key in
        if case .text(let more) = key, case .text(let text) = result.last {
            result[result.count - 1] = .text(text + more)
        } else {
            result.append(key)
        }
    }
}
