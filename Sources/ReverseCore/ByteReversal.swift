/// Turns the `count` bytes at `start` round, in place.
///
/// Every access is within `start ..< start + count`: a wide load or store happens only where `count` was
/// found to be at least its width. The last step of each width may overlap itself; both of its ends
/// are loaded before either is stored, so overlapping bytes are written twice with the same value.
///
/// - Precondition: `count` bytes at `start` are readable and writable.
@inline(__always)
func reverseBytes(_ start: UnsafeMutableRawPointer, count: Int) {
    var low = start
    var high = start + count
    while high - low >= 16 {
        high -= 8
        swapEnds(low, high, as: UInt64.self)
        low += 8
    }
    switch high - low {
    case 8...: swapEnds(low, high - 8, as: UInt64.self)
    case 4...: swapEnds(low, high - 4, as: UInt32.self)
    case 2...: swapEnds(low, high - 1, as: UInt8.self)
    default: break
    }
}

/// Swaps the integers at `low` and `high` and turns the bytes of each round.
@inline(__always)
private func swapEnds<Bytes: FixedWidthInteger & BitwiseCopyable>(
    _ low: UnsafeMutableRawPointer,
    _ high: UnsafeMutableRawPointer,
    as type: Bytes.Type
) {
    let first = low.loadUnaligned(as: type)
    let last = high.loadUnaligned(as: type)
    low.storeBytes(of: last.byteSwapped, as: type)
    high.storeBytes(of: first.byteSwapped, as: type)
}
