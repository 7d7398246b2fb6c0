import Glibc
import Sockets
import TestSupport
import Testing

@testable import DispatchServer

@Suite("The state that is handed over, as bytes")
struct HandOverFormatTests {
    private static let now: Milliseconds = 4000

    /// The connections in Golden/hand-over-1.hex, which this code has not written.
    private static func golden() -> [ConnectionRecord] {
        let session: [UInt8] = [1, 2, 3]
        let zone = SIMD16<UInt8>(0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
        return [
            ConnectionRecord(
                number: 5,
                client: .ipv4(SIMD4(192, 0, 2, 7), port: 51147),
                listener: "127.0.0.1:5000",
                life: ConnectionState(
                    handedOver: .serving(remaining: nil),
                    connectedAt: 1000,
                    lastProgress: 2000,
                    requests: 3,
                    answeredBytes: 33
                ),
                session: session,
                held: 0..<11
            ),
            ConnectionRecord(
                number: 76,
                client: .ipv6(zone, port: 40000, zone: 3),
                listener: "[::]:5000",
                life: ConnectionState(
                    handedOver: .sending(.init(unsent: 8, next: .finish(.refused("too long")))),
                    connectedAt: 1500,
                    lastProgress: 1600,
                    requests: 1,
                    answeredBytes: 8
                ),
                session: session,
                held: 0..<12
            ),
            ConnectionRecord(
                number: 77,
                client: .unix(path: ""),
                listener: "/run/x",
                life: ConnectionState(
                    handedOver: .lingering(
                        .init(
                            reason: .timedOut(\.idleTimeout),
                            allowance: ConnectionState.lingerAllowance,
                            until: 3000,
                            since: 1000
                        )
                    ),
                    connectedAt: 900,
                    lastProgress: 900,
                    requests: 0,
                    answeredBytes: 0
                ),
                session: session,
                held: 0..<0
            ),
        ]
    }

    /// The records, followed by their held bytes, as in a file.
    private static func file(_ connections: [ConnectionRecord], _ held: [String]) throws -> [UInt8] {
        var records = [ServerRecord(lastNumber: 77).encoded]
        records += try connections.map { try #require($0.encoded) }
        var offset = HandOverImage.size(ofRecords: records.map(\.count))
        for (index, connection) in connections.enumerated() {
            var connection = connection
            connection.held = offset..<(offset + UInt64(held[index].utf8.count))
            offset = connection.held.upperBound
            records[index + 1] = try #require(connection.encoded)
        }
        return HandOverImage.encode(records) + held.flatMap { Array($0.utf8) }
    }

    private static func image(_ file: [UInt8]) throws -> HandOverImage {
        let head = file.prefix(HandOverImage.headSize)
        let (promised, count) = try HandOverImage.recordBytes(head: head)
        return HandOverImage(
            promised: promised,
            records: Array(file.dropFirst(HandOverImage.headSize).prefix(count))
        )
    }

    private static func goldenFile() throws -> [UInt8] {
        let folder = #filePath.prefix(through: try #require(#filePath.lastIndex(of: "/")))
        let file = open("\(folder)../Golden/hand-over-1.hex", O_RDONLY)
        try #require(file >= 0)
        defer { close(file) }
        var text = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(file, &text, text.count)
        let digits = text.prefix(max(0, count)).compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    @Test("A file of version 1 is read by every release")
    func readsGolden() throws {
        let file = try Self.goldenFile()
        let image = try Self.image(file)
        #expect(image.promised == 4)
        #expect(image.server == ServerRecord(lastNumber: 77))
        let held = ["half a line", "answers\nrest", ""]
        for (index, wanted) in Self.golden().enumerated() {
            var found = try image.connection(at: index, fileSize: UInt64(file.count), now: Self.now)
            let bytes = file[Int(found.held.lowerBound)..<Int(found.held.upperBound)]
            #expect(String(decoding: bytes, as: UTF8.self) == held[index])
            found.held = wanted.held
            #expect(found == wanted)
        }
    }

    @Test("Version 1 is written as it was")
    func writesGolden() throws {
        try #require(HandOverImage.version == 1)
        #expect(try Self.file(Self.golden(), ["half a line", "answers\nrest", ""]) == Self.goldenFile())
    }

    @Test("The tag of an unknown field says whether it may be skipped")
    func unknownFields() throws {
        let record = try #require(Self.golden()[0].encoded)
        var skipped = FieldWriter()
        skipped.put(200, [1, 2, 3])
        let read = try ConnectionRecord((record + skipped.bytes)[...], fileSize: 100, now: Self.now)
        #expect(read == Self.golden()[0])
        var needed = FieldWriter()
        needed.put(201, [1, 2, 3])
        #expect(throws: HandOverError.self) {
            try ConnectionRecord((record + needed.bytes)[...], fileSize: 100, now: Self.now)
        }
    }

    @Test("A closed connection has no record")
    func closed() throws {
        var record = Self.golden()[0]
        _ = record.life.abort()
        #expect(record.encoded == nil)
    }

    @Test("Unknown fields of the server's record may be skipped; an unreadable record counts as empty")
    func serverRecord() throws {
        let record = ServerRecord(lastNumber: 77).encoded
        func image(_ tag: UInt8) throws -> HandOverImage {
            var more = FieldWriter()
            more.put(tag, [1, 2, 3])
            return try Self.image(HandOverImage.encode([record + more.bytes]))
        }
        #expect(try image(200).server == ServerRecord(lastNumber: 77))
        #expect(try image(201).server == ServerRecord(lastNumber: 0))
    }

    @Test("A newer file is read if it says that this release can")
    func newerVersions() throws {
        var file = try Self.goldenFile()
        file[8] = 7
        #expect(
            try Self.image(file).connection(at: 0, fileSize: UInt64(file.count), now: Self.now).number == 5
        )
        file[10] = 2
        #expect(throws: HandOverError.self) { try Self.image(file) }
    }

    @Test("Of a truncated file, the complete records are read")
    func torn() throws {
        let file = try Self.goldenFile()
        for length in HandOverImage.headSize..<file.count {
            let image = try Self.image(Array(file.prefix(length)))
            let readable = (0..<3).filter {
                (try? image.connection(at: $0, fileSize: UInt64(length), now: Self.now)) != nil
            }
            // The third holds nothing; the first two hold bytes at the end of the file.
            #expect(readable == Array(0..<readable.count) || readable == [0, 2] || readable == [2])
        }
        #expect(throws: HandOverError.self) { try Self.image(Array(file.prefix(20))) }
    }

    @Test("No time lies in the future")
    func future() throws {
        let record = try #require(Self.golden()[2].encoded)
        let read = try ConnectionRecord(record[...], fileSize: 0, now: 500)
        #expect(read.life.connectedAt == 500)
        guard case .lingering(let lingering) = read.life.phase else { Issue.record(); return }
        #expect(lingering.since == 500)
        #expect(lingering.until == 500 + ConnectionState.lingerTimeout)
    }

    @Test(
        "Random changes never trap the reader, and never make it send what it does not hold",
        arguments: 0..<8
    )
    func mutations(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let golden = try Self.goldenFile()
        for _ in 0..<4000 {
            var file = golden
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let at = Int.random(in: 0..<file.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: file[at] = UInt8.random(in: 0...255, using: &random)
                case 1: file[at] = [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &random) ?? 0
                case 2: file.removeSubrange(at..<min(file.count, at + Int.random(in: 1...9, using: &random)))
                default: file.insert(contentsOf: file[0..<min(at, 40)], at: at)
                }
                if file.isEmpty { break }
            }
            guard let image = try? Self.image(file) else { continue }
            for index in 0..<min(image.promised, 6) {
                guard
                    let record = try? image.connection(
                        at: index,
                        fileSize: UInt64(file.count),
                        now: Self.now
                    )
                else { continue }
                #expect(record.held.upperBound <= UInt64(file.count))
                let written = try #require(record.encoded)
                let again = try ConnectionRecord(
                    written[...],
                    fileSize: UInt64(file.count),
                    now: Self.now
                )
                #expect(again == record)
                if case .sending(let sending) = record.life.phase {
                    #expect(sending.unsent > 0 && sending.unsent <= record.held.count)
                }
            }
            _ = try? HandOverMessage(Array(file.prefix(16)))
        }
    }

    @Test("Messages")
    func messages() throws {
        let message = HandOverMessage(first: 504, count: 252)
        #expect(try HandOverMessage(message.encoded) == message)
        #expect(throws: HandOverError.self) { try HandOverMessage(Array(message.encoded.dropLast())) }
        #expect(throws: HandOverError.self) {
            try HandOverMessage(HandOverMessage(first: 0, count: 253).encoded)
        }
    }

    @Test(
        "Names of stored listeners",
        arguments: [
            StoredListenerName(number: 1, kind: .plain), StoredListenerName(number: .max, kind: .anyPort),
            StoredListenerName(number: 7, kind: .file(device: 0x19, inode: .max)),
        ]
    )
    func listenerNames(name: StoredListenerName) {
        #expect(StoredListenerName(name.text) == name)
        #expect(StoredListener.isName(name.text))
        #expect(name.text.utf8.count < 256 && !name.text.contains(":"))
    }

    @Test(
        "Other names",
        arguments: [
            "", "listener", "listener.", "listener.x", "listener.01", "listener.1.", "listener.1.all",
            "listener.1.file.1",
            "listener.1.file.G.1", "listener.1.file.1.1.1", "listener.-1", "listener.99999999999999999999",
            "reversed",
        ]
    )
    func otherNames(text: String) {
        #expect(StoredListenerName(text) == nil)
    }
}
