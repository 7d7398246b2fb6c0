import CWideText

/// Turns the `count` bytes at `start` round, in place.
///
/// - Precondition: `count` bytes at `start` are readable and writable.
@inline(__always)
func reverseBytes(_ start: UnsafeMutableRawPointer, count: Int) {
    if count < 16 {
        _ = reverseLast(start, count: count, onlyPlainASCII: false)
    } else {
        reverseManyBytes(start, count: count)
    }
}

@inline(never)
private func reverseManyBytes(_ start: UnsafeMutableRawPointer, count: Int) {
    _ = reverseEnds(start, count: count, onlyPlainASCII: false)
}

/// Turns the `count` bytes at `start` round, from both ends towards the middle: all of them, or as far as they are plain
/// ASCII, which is below 0x80 and no CR (it may be half of a character).
///
/// Every access is between `done` and `count - done`, and these are at least as far apart as what is loaded or stored
/// between them.
///
/// - Returns: How many bytes at either end stand where they belong; `count` when all of them do.
/// - Precondition: `count` bytes at `start` are readable and writable.
@inline(__always)
func reverseEnds(_ start: UnsafeMutableRawPointer, count: Int, onlyPlainASCII: Bool) -> Int {
    var done = count >= 32 ? wide_reverse_ends(start, count, onlyPlainASCII) : 0
    while count - 2 * done >= 16 {
        let low = start + done
        let high = start + (count - done - 8)
        guard swapEnds(low, high, as: UInt64.self, onlyPlainASCII: onlyPlainASCII) else { return done }
        done += 8
    }
    guard count > 2 * done else { return count }
    let isDone = reverseLast(start + done, count: count - 2 * done, onlyPlainASCII: onlyPlainASCII)
    return isDone ? count : done
}

/// Turns fewer than 16 bytes round, with two loads and two stores. These may overlap: both ends are loaded before
/// either is stored, and agree on the bytes that they share.
@inline(__always)
private func reverseLast(_ start: UnsafeMutableRawPointer, count: Int, onlyPlainASCII: Bool) -> Bool {
    switch count {
    case 8...: swapEnds(start, start + (count - 8), as: UInt64.self, onlyPlainASCII: onlyPlainASCII)
    case 4...: swapEnds(start, start + (count - 4), as: UInt32.self, onlyPlainASCII: onlyPlainASCII)
    case 2...: swapEnds(start, start + (count - 2), as: UInt16.self, onlyPlainASCII: onlyPlainASCII)
    default: count == 0 || !onlyPlainASCII || isPlainASCII(start.load(as: UInt8.self))
    }
}

/// Swaps the integers at `low` and `high` and turns the bytes of each round.
@inline(__always)
private func swapEnds<Bytes: FixedWidthInteger & BitwiseCopyable>(
    _ low: UnsafeMutableRawPointer,
    _ high: UnsafeMutableRawPointer,
    as type: Bytes.Type,
    onlyPlainASCII: Bool
) -> Bool {
    let first = low.loadUnaligned(as: type)
    let last = high.loadUnaligned(as: type)
    if onlyPlainASCII, !(isPlainASCII(first) && isPlainASCII(last)) { return false }
    low.storeBytes(of: last.byteSwapped, as: type)
    high.storeBytes(of: first.byteSwapped, as: type)
    return true
}

/// Whether each byte of `bytes` is below 0x80 and no CR. (Where one is above, a byte beside it may be taken for a CR;
/// the answer is the same.)
@inline(__always)
private func isPlainASCII<Bytes: FixedWidthInteger>(_ bytes: Bytes) -> Bool {
    let ones = Bytes.max / 0xFF
    let borrowsAtCR = (bytes ^ (ones &* 0x0D)) &- ones
    return (bytes | borrowsAtCR) & (ones &* 0x80) == 0
}
