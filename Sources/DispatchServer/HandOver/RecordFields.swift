// The fields of a record that one process writes and another one reads, perhaps of another release.
//
// A field is a tag of one byte, the length of its value as four bytes, and the value. Numbers are little-endian. A reader
// skips a field with an even tag that it does not know, and refuses a record with an odd one: what it says cannot be ignored.

/// Writes the fields of a record.
struct FieldWriter {
    private(set) var bytes: [UInt8] = []

    init() { bytes.reserveCapacity(256) }

    mutating func put(_ tag: UInt8, _ value: some Collection<UInt8>) {
        bytes.append(tag)
        bytes.appendInteger(UInt32(clamping: value.count))
        bytes += value
    }

    mutating func put(_ tag: UInt8, _ number: UInt64) {
        bytes.append(tag)
        bytes.appendInteger(UInt32(8))
        bytes.appendInteger(number)
    }
}

/// Why a record, or all of them, cannot be taken over.
struct HandOverError: Error, Equatable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Reads the fields of a record, in order. It never reads beyond the record, whatever the bytes are.
struct FieldReader {
    typealias Field = (tag: UInt8, value: ArraySlice<UInt8>)

    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    /// The next field; nil at the end.
    mutating func next() throws(HandOverError) -> Field? {
        guard let tag = rest.popFirst() else { return nil }
        guard let length = rest.takeInteger(UInt32.self), let value = rest.take(Int(length)) else {
            throw HandOverError("a field is cut off")
        }
        return (tag, value)
    }

    /// To be called for a tag that the reader does not know.
    static func skip(_ tag: UInt8) throws(HandOverError) {
        guard tag.isMultiple(of: 2) else {
            throw HandOverError("it has a field that this release does not know")
        }
    }

    /// The value of a field that is a number. A number of another width is one of another format.
    static func number(_ value: ArraySlice<UInt8>) throws(HandOverError) -> UInt64 {
        var value = value
        guard let number = value.takeInteger(UInt64.self), value.isEmpty else {
            throw HandOverError("a number has another width")
        }
        return number
    }
}

extension [UInt8] {
    mutating func appendInteger<Integer: FixedWidthInteger>(_ number: Integer) {
        Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
    }
}

extension ArraySlice<UInt8> {
    /// Takes the first `count` bytes; nil when there are fewer.
    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count >= 0, count <= self.count else { return nil }
        defer { removeFirst(count) }
        return prefix(count)
    }

    /// Takes a number from the front; nil when there are too few bytes.
    mutating func takeInteger<Integer: FixedWidthInteger>(_ type: Integer.Type) -> Integer? {
        guard let bytes = take(Integer.bitWidth / 8) else { return nil }
        return bytes.withUnsafeBytes { Integer(littleEndian: $0.loadUnaligned(as: Integer.self)) }
    }
}
