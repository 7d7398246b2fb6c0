import CWideText

/// Reverses the `count` bytes at `start`, in place.
///
/// - Precondition: `count` bytes at `start` are readable and writable.
@inline(__always)
func reverseBytes(_ start: UnsafeMutableRawPointer, count: Int) {
    if count < 16 {
        _ = unsafe reverseLast(start, count: count, onlyPlainASCII: false)
    } else {
        unsafe reverseManyBytes(start, count: count)
    }
}

@inline(never)
private func reverseManyBytes(_ start: UnsafeMutableRawPointer, count: Int) {
    _ = unsafe reverseEnds(start, count: count, onlyPlainASCII: false)
}

/// Reverses the `count` bytes at `start`, from both ends towards the middle: all bytes, or as far as they are below 0x80 and
/// not CR (CR LF is one character).
///
/// Every access is between `done` and `count - done`, whose distance is at least the size of the access.
///
/// - Returns: How many bytes at each end are in their final position; `count` if all are.
/// - Precondition: `count` bytes at `start` are readable and writable.
@inline(__always)
func reverseEnds(_ start: UnsafeMutableRawPointer, count: Int, onlyPlainASCII: Bool) -> Int {
    var done = unsafe count >= 32 ? wide_reverse_ends(start, count, onlyPlainASCII) : 0
    while count - 2 * done >= 16 {
        let low = unsafe start + done
        let high = unsafe start + (count - done - 8)
        guard unsafe swapEnds(low, high, as: UInt64.self, onlyPlainASCII: onlyPlainASCII) else { return done }
        done += 8
    }
    guard count > 2 * done else { return count }
    let isDone = unsafe reverseLast(start + done, count: count - 2 * done, onlyPlainASCII: onlyPlainASCII)
    return isDone ? count : done
}

/// Reverses fewer than 16 bytes, with two loads and two stores. These may overlap: both ends are loaded before one is stored, and
/// both stores write the same values to shared bytes.
@inline(__always)
private func reverseLast(_ start: UnsafeMutableRawPointer, count: Int, onlyPlainASCII: Bool) -> Bool {
    switch count {
    case 8...: unsafe swapEnds(start, start + (count - 8), as: UInt64.self, onlyPlainASCII: onlyPlainASCII)
    case 4...: unsafe swapEnds(start, start + (count - 4), as: UInt32.self, onlyPlainASCII: onlyPlainASCII)
    case 2...: unsafe swapEnds(start, start + (count - 2), as: UInt16.self, onlyPlainASCII: onlyPlainASCII)
    default: unsafe count == 0 || !onlyPlainASCII || isPlainASCII(start.load(as: UInt8.self))
    }
}

/// Swaps the integers at `low` and `high`, and reverses the bytes of each.
@inline(__always)
private func swapEnds<Bytes: FixedWidthInteger & BitwiseCopyable>(
    _ low: UnsafeMutableRawPointer,
    _ high: UnsafeMutableRawPointer,
    as type: Bytes.Type,
    onlyPlainASCII: Bool
) -> Bool {
    let first = unsafe low.loadUnaligned(as: type)
    let last = unsafe high.loadUnaligned(as: type)
    if onlyPlainASCII, !(isPlainASCII(first) && isPlainASCII(last)) { return false }
    unsafe low.storeBytes(of: last.byteSwapped, as: type)
    unsafe high.storeBytes(of: first.byteSwapped, as: type)
    return true
}

/// Whether each byte of `bytes` is below 0x80 and not CR. (Next to a byte of 0x80 or above, another byte may be mistaken for a
/// CR, which does not change the result.)
@inline(__always)
private func isPlainASCII<Bytes: FixedWidthInteger>(_ bytes: Bytes) -> Bool {
    let ones = Bytes.max / 0xFF
    let borrowsAtCR = (bytes ^ (ones &* 0x0D)) &- ones
    return (bytes | borrowsAtCR) & (ones &* 0x80) == 0
}
