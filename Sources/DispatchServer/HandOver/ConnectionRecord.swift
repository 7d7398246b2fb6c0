import Sockets

/// The record of a connection that is handed over.
struct ConnectionRecord: Equatable, Sendable {
    /// Its number in the log.
    var number: UInt64
    var client: SocketAddress
    /// The load balancer in front of the client, if any.
    var peer: SocketAddress?
    /// The name of the listener that accepted it. That listener may be closed by now.
    var listener: String
    /// The received part of the PROXY header; nil if it is complete or none is expected.
    var header: [UInt8]?
    var life: ConnectionState
    /// The value of `Session.handOverState`.
    var session: [UInt8]
    /// The range in the file of the bytes that it holds.
    var held: Range<UInt64>

    /// The fields. Never reuse a number; see `RecordFields.swift` for odd and even ones.
    private enum Tag {
        static let number: UInt8 = 1
        static let phase: UInt8 = 3
        static let unsent: UInt8 = 5
        static let reason: UInt8 = 7
        static let session: UInt8 = 9
        static let heldFrom: UInt8 = 11
        static let heldCount: UInt8 = 13
        static let header: UInt8 = 15

        static let client: UInt8 = 2
        static let listener: UInt8 = 4
        static let connectedAt: UInt8 = 6
        static let lastProgress: UInt8 = 8
        static let requests: UInt8 = 10
        static let answeredBytes: UInt8 = 12
        static let lingersUntil: UInt8 = 14
        static let lingersSince: UInt8 = 16
        static let allowance: UInt8 = 18
        static let reasonText: UInt8 = 20
        static let reasonCode: UInt8 = 22
        static let peer: UInt8 = 24
    }

    private enum PhaseCode {
        static let serving: UInt64 = 0
        static let sending: UInt64 = 1
        static let lingering: UInt64 = 2
    }

    /// The bytes of the record; nil for a closed connection.
    var encoded: [UInt8]? {
        var fields = FieldWriter()
        fields.put(Tag.number, number)
        switch life.phase {
        case .closed:
            return nil
        case .serving:
            fields.put(Tag.phase, PhaseCode.serving)
        case .sending(let sending):
            fields.put(Tag.phase, PhaseCode.sending)
            fields.put(Tag.unsent, UInt64(clamping: sending.unsent))
            if case .finish(let reason) = sending.next { Self.put(reason, &fields) }
        case .lingering(let lingering):
            fields.put(Tag.phase, PhaseCode.lingering)
            Self.put(lingering.reason, &fields)
            fields.put(Tag.allowance, UInt64(clamping: lingering.allowance))
            fields.put(Tag.lingersUntil, lingering.until)
            fields.put(Tag.lingersSince, lingering.since)
        }
        fields.put(Tag.session, session)
        fields.put(Tag.heldFrom, held.lowerBound)
        fields.put(Tag.heldCount, held.upperBound - held.lowerBound)
        if let header { fields.put(Tag.header, header) }
        fields.put(Tag.client, client.handOverBytes)
        if let peer { fields.put(Tag.peer, peer.handOverBytes) }
        fields.put(Tag.listener, listener.utf8)
        fields.put(Tag.connectedAt, life.connectedAt)
        fields.put(Tag.lastProgress, life.lastProgress)
        fields.put(Tag.requests, life.requests)
        fields.put(Tag.answeredBytes, life.answeredBytes)
        return fields.bytes
    }

    private static func put(_ reason: EndReason, _ fields: inout FieldWriter) {
        let (kind, text, code) = reason.handedOver
        fields.put(Tag.reason, kind)
        if let text { fields.put(Tag.reasonText, text.utf8) }
        if let code { fields.put(Tag.reasonCode, UInt64(UInt32(bitPattern: code))) }
    }
}

extension ConnectionRecord {
    /// Reads a record.
    ///
    /// - Parameters:
    ///   - fileSize: The size of the file that `held` refers to.
    ///   - now: Times in the record that are later are replaced by this one.
    /// - Throws: `HandOverError` if the record is invalid or lacks a field that the connection needs.
    init(_ bytes: ArraySlice<UInt8>, fileSize: UInt64, now: Milliseconds) throws(HandOverError) {
        var numbers: [UInt8: UInt64] = [:]
        var client: SocketAddress?
        var listener = "?"
        var peer: SocketAddress?
        var header: [UInt8]?
        var session: [UInt8]?
        var reasonText = ""
        var reader = FieldReader(bytes)
        while let (tag, value) = try reader.next() {
            switch tag {
            case Tag.session: session = Array(value)
            case Tag.header: header = Array(value)
            case Tag.client: client = SocketAddress(handOverBytes: value)
            case Tag.peer: peer = SocketAddress(handOverBytes: value)
            case Tag.listener: listener = String(decoding: value, as: UTF8.self)
            case Tag.reasonText: reasonText = String(decoding: value, as: UTF8.self)
            case Tag.number, Tag.phase, Tag.unsent, Tag.reason, Tag.heldFrom, Tag.heldCount, Tag.connectedAt,
                Tag.lastProgress,
                Tag.requests, Tag.answeredBytes, Tag.lingersUntil, Tag.lingersSince, Tag.allowance,
                Tag.reasonCode:
                numbers[tag] = try FieldReader.number(value)
            default: try FieldReader.skip(tag)
            }
        }
        guard let number = numbers[Tag.number], number > 0, let session, let from = numbers[Tag.heldFrom],
            let count = numbers[Tag.heldCount]
        else { throw HandOverError("a field is missing") }
        guard from <= fileSize, count <= fileSize - from, let heldBytes = Int(exactly: count) else {
            throw HandOverError("the bytes that it holds are missing")
        }
        let reason = numbers[Tag.reason].map {
            EndReason(handedOver: $0, text: reasonText, code: numbers[Tag.reasonCode])
        }
        let phase: ConnectionState.Phase
        switch numbers[Tag.phase] {
        case PhaseCode.serving:
            phase = .serving(remaining: nil)
        case PhaseCode.sending:
            guard let unsent = numbers[Tag.unsent].flatMap(Int.init(exactly:)), unsent > 0,
                unsent <= heldBytes
            else {
                throw HandOverError("it sends more than it holds")
            }
            phase = .sending(
                .init(unsent: unsent, next: reason.map { .finish($0) } ?? .serve(remaining: nil))
            )
        case PhaseCode.lingering:
            let most = ConnectionState.lingerAllowance
            phase = .lingering(
                .init(
                    reason: reason ?? .completed,
                    allowance: min(numbers[Tag.allowance].flatMap(Int.init(exactly:)) ?? most, most),
                    until: min(numbers[Tag.lingersUntil] ?? now, now &+ ConnectionState.lingerTimeout),
                    since: min(numbers[Tag.lingersSince] ?? now, now)
                )
            )
        default:
            throw HandOverError("its phase is not known")
        }
        self.number = number
        self.client = client ?? .unix(path: "")
        self.peer = peer
        self.listener = listener
        self.header = header
        self.session = session
        held = from..<(from + count)
        life = ConnectionState(
            handedOver: phase,
            connectedAt: min(numbers[Tag.connectedAt] ?? now, now),
            lastProgress: min(numbers[Tag.lastProgress] ?? now, now),
            requests: numbers[Tag.requests] ?? 0,
            answeredBytes: numbers[Tag.answeredBytes] ?? 0
        )
    }
}

extension EndReason {
    /// The number of the reason, with its text or `errno` if it has one.
    fileprivate var handedOver: (kind: UInt64, text: String?, code: Int32?) {
        switch self {
        case .finished: (1, nil, nil)
        case .completed: (2, nil, nil)
        case .refused(let text): (3, text, nil)
        case .timedOut(\Limits.firstRequestTimeout): (4, nil, nil)
        case .timedOut: (5, nil, nil)
        case .drained: (6, nil, nil)
        case .drainTimeout: (7, nil, nil)
        case .lost(let code): (8, nil, code)
        case .notTakenOver: (9, nil, nil)
        case .memoryUsedUp: (10, nil, nil)
        case .proxyHeader(let failure): (11, failure.rawValue, nil)
        case .tooManyConnections: (12, nil, nil)
        }
    }

    /// An unknown reason becomes `completed`: all requests are answered in any case.
    fileprivate init(handedOver kind: UInt64, text: String, code: UInt64?) {
        self =
            switch kind {
            case 1: .finished
            case 3: .refused(text)
            case 4: .timedOut(\.firstRequestTimeout)
            case 5: .timedOut(\.idleTimeout)
            case 6: .drained
            case 7: .drainTimeout
            case 8: .lost(Int32(bitPattern: UInt32(truncatingIfNeeded: code ?? 0)))
            case 9: .notTakenOver
            case 10: .memoryUsedUp
            case 11: .proxyHeader(ProxyHeaderFailure(rawValue: text) ?? .malformed)
            case 12: .tooManyConnections
            default: .completed
            }
    }
}

extension SocketAddress {
    /// The kind of the address, followed by its parts.
    fileprivate var handOverBytes: [UInt8] {
        var bytes: [UInt8] = []
        switch self {
        case .ipv4(let address, let port):
            bytes.append(4)
            bytes.appendInteger(port)
            for index in 0..<4 { bytes.append(address[index]) }
        case .ipv6(let address, let port, let zone):
            bytes.append(6)
            bytes.appendInteger(port)
            for index in 0..<16 { bytes.append(address[index]) }
            bytes.appendInteger(zone)
        case .unix(let path):
            bytes.append(1)
            bytes += path.utf8
        }
        return bytes
    }

    /// Nil for an unknown kind, and for a wrong number of bytes.
    fileprivate init?(handOverBytes bytes: ArraySlice<UInt8>) {
        var rest = bytes
        switch rest.popFirst() {
        case 1:
            self = .unix(path: String(decoding: rest, as: UTF8.self))
        case 4:
            guard let port = rest.takeInteger(UInt16.self), rest.count == 4 else { return nil }
            var address = SIMD4<UInt8>()
            for (index, byte) in rest.enumerated() { address[index] = byte }
            self = .ipv4(address, port: port)
        case 6:
            guard let port = rest.takeInteger(UInt16.self), let parts = rest.take(16),
                let zone = rest.takeInteger(UInt32.self), rest.isEmpty
            else { return nil }
            var address = SIMD16<UInt8>()
            for (index, byte) in parts.enumerated() { address[index] = byte }
            self = .ipv6(address, port: port, zone: zone)
        default:
            return nil
        }
    }
}
