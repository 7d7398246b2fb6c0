import Sockets

/// Version 2: 16 bytes, which contain the length of the rest: two addresses, and extensions (TLVs) that are skipped.
enum ProxyHeaderV2 {
    static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]

    private static let fixedLength = 16
    private static let unixPathLength = 108
    private static let checksumType: UInt8 = 0x03

    static func decode(_ bytes: [UInt8]) -> ProxyHeader.Step {
        guard bytes.count > 12 else { return .needsMore }
        let command = bytes[12] & 0x0F
        guard bytes[12] >> 4 == 2, command <= 1 else { return .invalid(.malformed) }
        let isLocal = command == 0
        guard bytes.count > 13 else { return .needsMore }
        let (family, transport) = (bytes[13] >> 4, bytes[13] & 0x0F)
        // The family means nothing if the load balancer itself is the client.
        guard isLocal || family <= 3 && transport <= 2 else { return .invalid(.malformed) }
        guard bytes.count >= fixedLength else { return .needsMore }
        let end = fixedLength + (Int(bytes[14]) << 8 | Int(bytes[15]))
        guard end <= ProxyHeader.maximumLength else { return .invalid(.tooLong) }

        let addressEnd = fixedLength + addressLength(family)
        // If the load balancer does not know the addresses, they are not checked.
        let isStrict = !isLocal && family != 0 && transport != 0
        guard addressEnd <= end || !isStrict else { return .invalid(.malformed) }
        guard bytes.count >= end else { return .needsMore }
        switch failure(in: bytes[..<end], from: min(addressEnd, end)) {
        case nil: break
        case .malformed? where !isStrict: break
        case let failure?: return .invalid(failure)
        }
        // The addresses of a datagram are not those of a connection.
        let hasClient = isStrict && transport == 1
        return .complete(length: end, client: hasClient ? source(family, bytes) : nil)
    }

    /// How many bytes the addresses of a family take, ports included.
    private static func addressLength(_ family: UInt8) -> Int {
        switch family {
        case 1: 2 * (4 + 2)
        case 2: 2 * (16 + 2)
        case 3: 2 * unixPathLength
        default: 0
        }
    }

    /// The source address; the bytes hold the addresses of the family, which is 1 to 3.
    private static func source(_ family: UInt8, _ bytes: [UInt8]) -> SocketAddress {
        func port(_ offset: Int) -> UInt16 { UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1]) }
        let address = bytes[fixedLength...]
        switch family {
        case 1:
            return .ipv4(SIMD4(address.prefix(4)), port: port(fixedLength + 8))
        case 2:
            return SocketAddress.ipv6(SIMD16(address.prefix(16)), port: port(fixedLength + 32), zone: 0)
                .unmapped
        default:
            let path = address.prefix(unixPathLength)
            // An abstract name begins with a NUL. The field is padded with NULs.
            let name = path.first == 0 ? path.dropLast(while: { $0 == 0 }) : path.prefix { $0 != 0 }
            return .unix(path: ByteText.text(name))
        }
    }

    /// The fault of the extensions, if any: one exceeds the header, or the checksum is wrong.
    private static func failure(in header: ArraySlice<UInt8>, from start: Int) -> ProxyHeaderFailure? {
        var rest = header[start...]
        var checksum: Range<Int>?
        while let type = rest.popFirst() {
            guard let high = rest.popFirst(), let low = rest.popFirst() else { return .malformed }
            let length = Int(high) << 8 | Int(low)
            guard rest.count >= length else { return .malformed }
            if type == checksumType {
                guard length == 4, checksum == nil else { return .malformed }
                checksum = rest.startIndex..<(rest.startIndex + length)
            }
            rest = rest.dropFirst(length)
        }
        guard let checksum else { return nil }
        let expected = header[checksum].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        var header = header
        header.replaceSubrange(checksum, with: repeatElement(0, count: checksum.count))
        return CRC32C.checksum(of: header) == expected ? nil : .checksum
    }
}

extension ArraySlice {
    /// Without the elements at the end that satisfy the condition.
    fileprivate func dropLast(while condition: (Element) -> Bool) -> ArraySlice {
        self[..<(lastIndex { !condition($0) }.map { $0 + 1 } ?? startIndex)]
    }
}

/// The checksum of RFC 4960, appendix B: Castagnoli's polynomial, reflected. A header is short, so a table would not be faster.
enum CRC32C {
    static func checksum(of bytes: some Sequence<UInt8>) -> UInt32 {
        var state = UInt32.max
        for byte in bytes {
            state ^= UInt32(byte)
            for _ in 0..<8 { state = state & 1 == 0 ? state >> 1 : (state >> 1) ^ 0x82F6_3B78 }
        }
        return ~state
    }
}
