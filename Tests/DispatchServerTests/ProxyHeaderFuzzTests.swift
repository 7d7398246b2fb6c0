import TestSupport
import Testing

@testable import DispatchServer

/// The same bytes lead to the same result however they are divided, and no bytes make the parser trap.
@Suite("A PROXY header of random bytes")
struct ProxyHeaderFuzzTests {
    @Test(
        "does the same in one piece and in many, and takes no more than the longest header",
        arguments: 0..<8 as Range<UInt64>
    )
    func mutated(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let seeds = ProxyHeaderTests.right.map(\.bytes)
        var ends: [String: Int] = [:]
        for _ in 0..<2500 {
            var bytes = seeds.randomElement(using: &random) ?? []
            if bytes.count > 1000, Int.random(in: 0..<20, using: &random) > 0 { bytes = seeds[0] }
            for _ in 0..<Int.random(in: 0...4, using: &random) { mutate(&bytes, seeds, &random) }
            let whole = ProxyHeaders.read(bytes)
            var pieces = random
            let cut = ProxyHeaders.read(
                bytes,
                pieces: { Int.random(in: 1...max(1, min($0, 40)), using: &pieces) }
            )
            #expect(
                isSame(whole.step, cut.step),
                "seed \(seed): \(bytes) gives \(whole.step) whole and \(cut.step) cut"
            )
            switch whole.step {
            case .complete(let length, _):
                #expect(length <= min(bytes.count, ProxyHeader.maximumLength))
                // Bytes after a header change nothing. Without its last byte it is not complete.
                #expect(ProxyHeaders.read(Array(bytes[..<length])).step == whole.step)
                #expect(ProxyHeaders.read(Array(bytes[..<(length - 1)])).step == .needsMore)
                ends["complete", default: 0] += 1
            case .invalid(let failure): ends[failure.rawValue, default: 0] += 1
            case .needsMore:
                #expect(bytes.count < ProxyHeader.maximumLength)
                ends["needsMore", default: 0] += 1
            }
        }
        // The mutations reach every result.
        for end in ["complete", "needsMore", "missing", "malformed", "too_long", "checksum"] {
            #expect(ends[end, default: 0] > 0, "\(end): \(ends)")
        }
    }

    /// Bytes that come later may show another fault first, but never make a wrong header right.
    private func isSame(_ whole: ProxyHeader.Step, _ cut: ProxyHeader.Step) -> Bool {
        if case .invalid = whole, case .invalid = cut { return true }
        return whole == cut
    }

    private func mutate(_ bytes: inout [UInt8], _ seeds: [[UInt8]], _ random: inout SeededGenerator) {
        let interesting: [UInt8] = [
            0, 1, 3, 4, 9, 10, 13, 32, 0x11, 0x20, 0x21, 0x30, 0x31, 0x39, 0x7F, 0x80, 0xFF,
        ]
        guard !bytes.isEmpty else { return }
        let index = Int.random(in: bytes.indices, using: &random)
        switch Int.random(in: 0..<7, using: &random) {
        case 0: bytes[index] ^= 1 << UInt8.random(in: 0...7, using: &random)
        case 1: bytes[index] = interesting.randomElement(using: &random) ?? 0
        case 2: bytes.remove(at: index)
        case 3: bytes.insert(interesting.randomElement(using: &random) ?? 0, at: index)
        case 4: bytes.removeSubrange(index...)
        case 5: bytes += seeds.randomElement(using: &random) ?? []
        default:
            let count = Int.random(in: 1...min(200, bytes.count), using: &random)
            bytes.insert(contentsOf: bytes.prefix(count), at: index)
        }
    }
}
