import Sockets

// The format of a hand-over.
//
// One sealed file in memory has the records of all connections. Messages carry their descriptors, at most 252 each. Each
// message has the file as its first descriptor, so it can be read without the others. (The records are not in the messages,
// because a socket buffers only 200 KiB of them, which is 2,000 connections.)
//
// The file, all numbers little-endian:
//
//     0   8   "DSRVHAND"
//     8   2   the format's version, 1
//     10  2   the oldest version whose readers understand this file, 1
//     12  4   how many records follow
//     16  8   how many bytes the records have
//     24      the records, each after its length in four bytes: first that of the server, then those of the connections
//             then the bytes that the connections hold: answers that the sockets did not take, and incomplete requests
//
// A message: "DSRVCONN", the index of its first connection as four bytes, and the number of its connections as four bytes.
//
// To change the format, add a field (`ConnectionRecord.Tag`) with an even tag if older readers may ignore it, with an odd tag
// otherwise. Raise `version`. Raise `oldestReader` only if older releases must not read the file at all.

/// The record of the server itself.
struct ServerRecord: Equatable, Sendable {
    /// The highest number of a connection so far.
    var lastNumber: UInt64

    private static let lastNumberTag: UInt8 = 2

    var encoded: [UInt8] {
        var fields = FieldWriter()
        fields.put(Self.lastNumberTag, lastNumber)
        return fields.bytes
    }
}

extension ServerRecord {
    init(_ bytes: ArraySlice<UInt8>) throws(HandOverError) {
        self.init(lastNumber: 0)
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

/// The header of the file and the records, without the bytes that the connections hold.
struct HandOverImage: Sendable {
    static let version: UInt16 = 1
    static let oldestReader: UInt16 = 1
    static let headSize = 24
    private static let magic = Array("DSRVHAND".utf8)
    /// More than a million connections need. A file that claims more is invalid.
    private static let mostRecordBytes = 1 << 30

    /// How many records the header announces; a truncated file has fewer.
    let promised: Int
    private let bytes: [UInt8]
    /// The range of each complete record.
    private let records: [Range<Int>]

    // MARK: - Writing

    /// The offset of the bytes that the connections hold.
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

    /// The number of the records and of their bytes.
    ///
    /// - Throws: `HandOverError` if the file is not a hand-over, or this release must not read it.
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

    /// - Parameter bytes: The bytes after the header, perhaps fewer than it announces.
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
    /// - Throws: `HandOverError`, or `SystemError` if the file cannot be read.
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
        try unsafe bytes.withUnsafeMutableBytes { try unsafe file.read(into: $0, from: offset) }
        return bytes
    }

    /// The record of the server; an empty one if it cannot be read.
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
        let (position, overflow) = index.addingReportingOverflow(1)
        guard !overflow, records.indices.contains(position), position > 0 else {
            throw HandOverError("its record is missing")
        }
        return try ConnectionRecord(bytes[records[position]], fileSize: fileSize, now: now)
    }
}

/// The bytes of a message.
struct HandOverMessage: Equatable, Sendable {
    private static let magic = Array("DSRVCONN".utf8)
    /// How many connections fit a message, besides the file.
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
}

extension HandOverMessage {
    /// - Throws: `HandOverError` for any other message.
    init(_ bytes: [UInt8]) throws(HandOverError) {
        var rest = bytes[...]
        guard rest.take(Self.magic.count).map(Array.init) == Self.magic,
            let first = rest.takeInteger(UInt32.self),
            let count = rest.takeInteger(UInt32.self), count <= Self.most
        else { throw HandOverError("it is no message of a hand-over") }
        self.init(first: Int(first), count: Int(count))
    }
}
