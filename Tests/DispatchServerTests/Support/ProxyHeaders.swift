import Sockets

@testable import DispatchServer

/// Headers as senders make them, written without the code under test.
enum ProxyHeaders {
    static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10] + Array("QUIT\n".utf8)

    static func text(_ line: String) -> [UInt8] { Array((line + "\r\n").utf8) }

    /// Version 2.
    static func binary(
        command: UInt8 = 0x21,
        family: UInt8 = 0x11,
        address: [UInt8] = ipv4,
        extensions: [UInt8] = []
    ) -> [UInt8] {
        let body = address + extensions
        return signature + [command, family, UInt8(body.count >> 8), UInt8(body.count & 0xFF)] + body
    }

    /// 192.0.2.1:4660 to 198.51.100.2:5000.
    static let ipv4: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 2, 0x12, 0x34, 0x13, 0x88]
    static let ipv4Client = SocketAddress.ipv4([192, 0, 2, 1], port: 0x1234)
    /// [2001:db8::1]:4660 to [2001:db8::2]:5000.
    static let ipv6: [UInt8] = ipv6Bytes(1) + ipv6Bytes(2) + [0x12, 0x34, 0x13, 0x88]
    static let ipv6Client = SocketAddress.ipv6(SIMD16(ipv6Bytes(1)), port: 0x1234, zone: 0)

    private static func ipv6Bytes(_ last: UInt8) -> [UInt8] {
        [0x20, 0x01, 0x0D, 0xB8] + Array(repeating: 0, count: 11) + [last]
    }

    static func unix(_ path: String) -> [UInt8] {
        let field = Array(path.utf8) + Array(repeating: 0, count: 108 - path.utf8.count)
        return field + Array(repeating: 0, count: 108)
    }

    static func tlv(_ type: UInt8, _ value: [UInt8]) -> [UInt8] {
        [type, UInt8(value.count >> 8), UInt8(value.count & 0xFF)] + value
    }

    /// A header with a checksum among its extensions, computed with a table, unlike in the code under test.
    static func withChecksum(before: [UInt8] = [], after: [UInt8] = [], changedBy change: UInt32 = 0)
        -> [UInt8]
    {
        var header = binary(extensions: before + tlv(3, [0, 0, 0, 0]) + after)
        let at = 16 + ipv4.count + before.count + 3
        let checksum = crc32c(header) ^ change
        for index in 0..<4 { header[at + index] = UInt8(checksum >> UInt32(24 - 8 * index) & 0xFF) }
        return header
    }

    private static let table: [UInt32] = (0..<256).map { number in
        var value = UInt32(number)
        for _ in 0..<8 { value = value & 1 == 1 ? 0x82F6_3B78 ^ (value >> 1) : value >> 1 }
        return value
    }

    static func crc32c(_ bytes: [UInt8]) -> UInt32 {
        bytes.reduce(UInt32.max) { table[Int(($0 ^ UInt32($1)) & 0xFF)] ^ ($0 >> 8) } ^ UInt32.max
    }

    /// The result of a header that comes in pieces of these sizes, and how many bytes were taken by then.
    static func read(_ bytes: [UInt8], pieces: (Int) -> Int = { $0 }) -> (step: ProxyHeader.Step, taken: Int)
    {
        var header = ProxyHeader()
        var taken = 0
        while taken < bytes.count {
            let piece = bytes[taken...].prefix(max(1, pieces(bytes.count - taken)))
            let step = piece.withUnsafeBytes { header.receive($0) }
            switch step {
            case .needsMore: taken += piece.count
            case .complete(let length, let client):
                return (.complete(length: taken + length, client: client), taken + length)
            case .invalid: return (step, taken + piece.count)
            }
        }
        return (.needsMore, taken)
    }
}
