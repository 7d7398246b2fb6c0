import Sockets

/// Parses the header of a connection from a load balancer: bytes in, a decision out, no socket.
///
///     needsMore ──▶ needsMore ──▶ complete, or invalid
///
/// A wrong header is refused at its first wrong byte if possible, so that a misconfigured load balancer fails at once.
struct ProxyHeader: Sendable {
    /// The outcome after some bytes.
    enum Step: Equatable {
        /// All bytes belong to the header, and it is not complete.
        case needsMore
        /// The header ends after the first `length` of these bytes. The client is nil if the peer itself is the client, as in a
        /// health check.
        case complete(length: Int, client: SocketAddress?)
        /// The header is wrong: close the connection.
        case invalid(ProxyHeaderFailure)
    }

    /// The maximum length of a header of version 2, in bytes. The longest of HAProxy are below 1 KiB.
    static let maximumLength = 4096
    /// How long a header may take after the accept: 5 seconds, or the timeout of the first request if that is shorter. The
    /// specification requires at least 3 seconds, the time of a TCP retransmission.
    static func timeout(_ timeouts: Timeouts) -> Milliseconds { min(5000, timeouts.firstRequest ?? .max) }

    /// The bytes received so far.
    private(set) var bytes: [UInt8]

    /// - Parameter bytes: The part that another process has received.
    init(received bytes: [UInt8] = []) { self.bytes = Array(bytes.prefix(Self.maximumLength)) }

    /// How many bytes were received so far.
    var count: Int { bytes.count }

    /// Takes the next bytes of the connection. Bytes after the header are ignored.
    mutating func receive(_ new: UnsafeRawBufferPointer) -> Step {
        let before = bytes.count
        unsafe bytes += new.prefix(Self.maximumLength - before)
        let step: Step =
            if Self.begin(bytes, ProxyHeaderV2.signature) {
                ProxyHeaderV2.decode(bytes)
            } else if Self.begin(bytes, ProxyHeaderV1.signature) {
                ProxyHeaderV1.decode(bytes)
            } else {
                .invalid(.missing)
            }
        guard case .complete(let length, let client) = step else { return step }
        return .complete(length: length - before, client: client)
    }

    /// Whether the bytes, as far as they go, begin with the signature.
    private static func begin(_ bytes: [UInt8], _ signature: [UInt8]) -> Bool {
        bytes.prefix(signature.count).elementsEqual(signature.prefix(bytes.count))
    }
}

/// Version 1: one line of text, `PROXY TCP4 192.0.2.1 192.0.2.2 56324 5000` and CR LF.
enum ProxyHeaderV1 {
    static let signature = Array("PROXY".utf8)
    /// The maximum length of the line, including CR LF.
    static let maximumLength = 107

    private static let carriageReturn = UInt8(ascii: "\r")
    private static let lineFeed = UInt8(ascii: "\n")

    static func decode(_ bytes: [UInt8]) -> ProxyHeader.Step {
        let line = bytes.prefix(maximumLength)
        let end = line.indices.dropLast().first { line[$0] == carriageReturn && line[$0 + 1] == lineFeed }
        if let end {
            let fields = line[..<end].split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            return decode(fields.map { String(decoding: $0, as: UTF8.self) }, length: end + 2)
        }
        guard bytes.count < maximumLength else { return .invalid(.tooLong) }
        // Any bytes may follow UNKNOWN, up to CR LF.
        if line.starts(with: "PROXY UNKNOWN ".utf8) { return .needsMore }
        // A CR or LF alone does not end the line.
        let isBroken = line.contains(lineFeed) || line.dropLast().contains(carriageReturn)
        return isBroken ? .invalid(.malformed) : .needsMore
    }

    private static func decode(_ fields: [String], length: Int) -> ProxyHeader.Step {
        guard fields.count >= 2, fields[0] == "PROXY" else { return .invalid(.malformed) }
        if fields[1] == "UNKNOWN" { return .complete(length: length, client: nil) }
        guard fields.count == 6, let sourcePort = port(fields[4]), let destinationPort = port(fields[5]),
            let source = SocketAddress(address: fields[2], port: sourcePort),
            let destination = SocketAddress(address: fields[3], port: destinationPort)
        else { return .invalid(.malformed) }
        switch (fields[1], source, destination) {
        case ("TCP4", .ipv4, .ipv4), ("TCP6", .ipv6, .ipv6):
            return .complete(length: length, client: source.unmapped)
        default:
            return .invalid(.malformed)
        }
    }

    /// A port without leading zeros.
    private static func port(_ text: String) -> UInt16? {
        UInt16(text).flatMap { String($0) == text ? $0 : nil }
    }
}
