import Sockets

// What travels when connections change hands.
//
// All that is known about them is in one sealed file in memory, and their descriptors are in messages of at most 252 each.
// Each message carries the file as its first descriptor, so it can be understood without the others. (The records are not in
// the messages: a socket holds 200 KiB of them, which is 2,000 connections.)
//
// The file, all numbers little-endian:
//
//     0   8   "DSRVHAND"
//     8   2   the format's version, 1
//     10  2   the oldest version whose readers understand this file, 1
//     12  4   how many records follow
//     16  8   how many bytes the records have
//     24      the records, each with its length as four bytes before it: first the server's own, then the connections'
//             then the bytes that the connections hold: answers that a socket did not take, requests that are incomplete
//
// A message: "DSRVCONN", the index of its first connection as four bytes, and the number of its connections as four bytes.
//
// To change the format: add a field (`ConnectionRecord.Tag`), even when an older reader may ignore it. Raise `version`. Raise
// `oldestReader` only when a file must not be read by older releases at all.

/// What one process tells another about itself.
struct ServerRecord: Equatable, Sendable {
    /// The highest number that it gave to a connection.
    var lastNumber: UInt64

    private static let lastNumberTag: UInt8 = 2

    init(lastNumber: UInt64) { self.lastNumber = lastNumber }

    var encoded: [UInt8] {
        var fields = FieldWriter()
        fields.put(Self.lastNumberTag, lastNumber)
        return fields.bytes
    }

    init(_ bytes: ArraySlice<UInt8>) throws(HandOverError) {
        lastNumber = 0
        var reader = FieldReader(bytes)
        while let (tag, value) = try reader.next() {
            if tag == Self.lastNumberTag {
                lastNumber = try FieldReader.number(value)
            } else {
                try FieldReader.skip(tag)
            }
        }
    }
}

/// The head of the file and the records in it, without the bytes that the connections hold.
struct HandOverImage: Sendable {
    static let version: UInt16 = 1
    static let oldestReader: UInt16 = 1
    static let headSize = 24
    private static let magic = Array("DSRVHAND".utf8)
    /// More than a million connections need; a file that claims more is no hand-over.
    private static let mostRecordBytes = 1 << 30

    /// How many records the head promises; a torn file has fewer.
    let promised: Int
    private let bytes: [UInt8]
    /// Where each record is that is there as a whole.
    private let records: [Range<Int>]

    // MARK: - Writing

    /// How many bytes come before those that the connections hold.
    static func size(ofRecords records: [Int]) -> UInt64 {
        UInt64(headSize) + records.reduce(0) { $0 + 4 + UInt64(clamping: $1) }
    }

    static func encode(_ records: [[UInt8]]) -> [UInt8] {
        var bytes = magic
        bytes.appendInteger(version)
        bytes.appendInteger(oldestReader)
        bytes.appendInteger(UInt32(clamping: records.count))
        bytes.appendInteger(size(ofRecords: records.map(\.count)) - UInt64(headSize))
        for record in records {
            bytes.appendInteger(UInt32(clamping: record.count))
            bytes += record
        }
        return bytes
    }

    // MARK: - Reading

    /// How many bytes of records follow the head.
    ///
    /// - Throws: `HandOverError` for a file that is no hand-over, or one that this release must not read.
    static func recordBytes(head: ArraySlice<UInt8>) throws(HandOverError) -> (count: Int, bytes: Int) {
        var rest = head
        guard rest.take(magic.count).map(Array.init) == magic, let version = rest.takeInteger(UInt16.self),
            let oldestReader = rest.takeInteger(UInt16.self), let count = rest.takeInteger(UInt32.self),
            let bytes = rest.takeInteger(UInt64.self)
        else { throw HandOverError("it is no hand-over") }
        guard version > 0, oldestReader <= Self.version else {
            throw HandOverError("its format \(version) needs a newer release")
        }
        guard bytes <= UInt64(mostRecordBytes) else { throw HandOverError("its records are too long") }
        return (Int(count), Int(bytes))
    }

    /// - Parameter bytes: What follows the head, perhaps less than it promises.
    init(promised: Int, records bytes: [UInt8]) {
        var rest = bytes[...]
        var records: [Range<Int>] = []
        while records.count < promised, let length = rest.takeInteger(UInt32.self),
            let record = rest.take(Int(length))
        {
            records.append(record.startIndex..<record.endIndex)
        }
        self.promised = promised
        self.bytes = bytes
        self.records = records
    }

    /// Reads a file.
    ///
    /// - Throws: `HandOverError`, or the `SystemError` of a file that cannot be read.
    init(_ file: borrowing SealedFile) throws {
        let head = try Self.read(file, at: 0, Self.headSize)
        let (promised, count) = try Self.recordBytes(head: head[...])
        let there = file.count - UInt64(Self.headSize)
        self.init(
            promised: promised,
            records: try Self.read(file, at: UInt64(Self.headSize), min(count, Int(clamping: there)))
        )
    }

    private static func read(_ file: borrowing SealedFile, at offset: UInt64, _ count: Int) throws -> [UInt8]
    {
        guard UInt64(count) <= file.count else { throw HandOverError("it is no hand-over") }
        var bytes = [UInt8](repeating: 0, count: count)
        var failure: SystemError?
        bytes.withUnsafeMutableBytes { space in
            do throws(SystemError) { try file.read(into: space, from: offset) } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }

    /// The server's own record; an empty one where it cannot be read.
    var server: ServerRecord {
        guard let range = records.first, let record = try? ServerRecord(bytes[range]) else {
            return ServerRecord(lastNumber: 0)
        }
        return record
    }

    /// The record of a connection.
    ///
    /// - Throws: `HandOverError`.
    func connection(at index: Int, fileSize: UInt64, now: Milliseconds) throws(HandOverError)
        -> ConnectionRecord
    {
        let (place, overflow) = index.addingReportingOverflow(1)
        guard !overflow, records.indices.contains(place), place > 0 else {
            throw HandOverError("its record is missing")
        }
        return try ConnectionRecord(bytes[records[place]], fileSize: fileSize, now: now)
    }
}

/// The bytes of a message.
struct HandOverMessage: Equatable, Sendable {
    private static let magic = Array("DSRVCONN".utf8)
    /// How many connections a message carries beside the file.
    static let most = DescriptorPassing.maximum - 1

    /// The index of its first connection.
    var first: Int
    /// How many there are.
    var count: Int

    var encoded: [UInt8] {
        var bytes = Self.magic
        bytes.appendInteger(UInt32(clamping: first))
        bytes.appendInteger(UInt32(clamping: count))
        return bytes
    }

    init(first: Int, count: Int) {
        self.first = first
        self.count = count
    }

    /// - Throws: `HandOverError` for the message of a stranger.
    init(_ bytes: [UInt8]) throws(HandOverError) {
        var rest = bytes[...]
        guard rest.take(Self.magic.count).map(Array.init) == Self.magic,
            let first = rest.takeInteger(UInt32.self),
            let count = rest.takeInteger(UInt32.self), count <= Self.most
        else { throw HandOverError("it is no message of a hand-over") }
        self.first = Int(first)
        self.count = Int(count)
    }
}
