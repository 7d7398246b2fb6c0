// The fields of a record. The process that reads them may be another release than the one that wrote them.
//
// A field has a tag of one byte, the length of its value in four bytes, and the value. Numbers are little-endian. A reader
// skips an unknown field with an even tag, and refuses a record with an unknown odd tag, which must not be ignored.

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

/// Why one record or all records cannot be used.
struct HandOverError: Error, Equatable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Reads the fields of a record, in order. It never reads beyond the record, even if the bytes are invalid.
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

    /// Skips a field with an unknown tag, or throws if the tag is odd.
    static func skip(_ tag: UInt8) throws(HandOverError) {
        guard tag.isMultiple(of: 2) else {
            throw HandOverError("it has a field that this release does not know")
        }
    }

    /// The value of a number field. Throws if it does not have 8 bytes.
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
        unsafe Swift.withUnsafeBytes(of: number.littleEndian) { unsafe append(contentsOf: $0) }
    }
}

extension ArraySlice<UInt8> {
    /// Removes the first `count` bytes; nil if there are fewer.
    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count >= 0, count <= self.count else { return nil }
        defer { removeFirst(count) }
        return prefix(count)
    }

    /// Removes a number from the front; nil if there are too few bytes.
    mutating func takeInteger<Integer: FixedWidthInteger>(_ type: Integer.Type) -> Integer? {
        guard let bytes = take(Integer.bitWidth / 8) else { return nil }
        return unsafe bytes.withUnsafeBytes {
            unsafe Integer(littleEndian: $0.loadUnaligned(as: Integer.self))
        }
    }
}
