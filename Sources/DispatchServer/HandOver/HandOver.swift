import Glibc
import Sockets

/// The connections of a server, ready for another process. `Server.handOver` makes one.
///
/// They are in a socket. A process that holds `descriptor`, or a duplicate of it, can take them, even after this process has
/// ended.
public final class HandOver: Sendable {
    /// How many connections are in the socket.
    public let connections: Int
    /// How many could not be handed over, and were ended as in a stop.
    public let ended: Int
    let parked: [Connection]
    private let socket: DescriptorPassing.Pair

    init(_ batch: HandOverBatch, ended: Int) {
        parked = batch.sent
        connections = batch.sent.count
        self.ended = ended
        socket = batch.socket
    }

    /// The socket to pass on; -1 after `isKept()`.
    public var descriptor: Int32 { socket.receiving }

    /// Closes `descriptor`, and returns whether another process holds a duplicate. Call it after the descriptor was passed on.
    public func isKept() -> Bool {
        socket.closeReceiving()
        return socket.isHeld
    }
}

/// Puts parked connections into a socket, as many as the system takes.
struct HandOverBatch {
    /// The connections that are in the socket.
    private(set) var sent: [Connection] = []
    /// Why the system refused the others, if it did.
    private(set) var failure: SystemError?
    let socket: DescriptorPassing.Pair

    /// - Parameters:
    ///   - connections: All parked. Those that cannot be handed over are left out.
    ///   - lastNumber: The highest number of a connection so far.
    /// - Throws: `SystemError`, and then nothing has changed; with `ETOOMANYREFS` when more descriptors of this user are under
    ///   way than its limit on open files allows.
    init(_ connections: [Connection], lastNumber: UInt64, _ worker: Worker) throws(SystemError) {
        socket = try DescriptorPassing.Pair()
        let server = ServerRecord(lastNumber: lastNumber).encoded
        var records = [server]
        var ready: [Connection] = []
        var holding: [(index: Int, record: ConnectionRecord)] = []
        // The offset of the bytes held depends on the size of the records, which does not depend on that offset.
        for connection in connections {
            guard let record = connection.record(heldAt: 0, worker), let bytes = record.encoded else {
                continue
            }
            if !record.held.isEmpty { holding.append((records.count, record)) }
            records.append(bytes)
            ready.append(connection)
        }
        var offset = HandOverImage.size(ofRecords: records.map(\.count))
        for (index, record) in holding {
            var record = record
            record.held = offset..<(offset + record.held.upperBound)
            if let bytes = record.encoded { records[index] = bytes }
            offset = record.held.upperBound
        }
        let image = HandOverImage.encode(records)
        let file = try SealedFile("hand-over") { (writer) throws(SystemError) in
            try unsafe image.withUnsafeBufferPointer { (bytes) throws(SystemError) in
                try unsafe writer.append(UnsafeRawBufferPointer(bytes))
            }
            for connection in ready {
                try unsafe connection.withHeldBytes { (bytes) throws(SystemError) in
                    try unsafe writer.append(bytes)
                }
            }
        }
        try send(ready, file)
    }

    private mutating func send(_ connections: [Connection], _ file: borrowing SealedFile) throws(SystemError)
    {
        for first in stride(from: 0, to: connections.count, by: HandOverMessage.most) {
            let part = connections[first..<min(first + HandOverMessage.most, connections.count)]
            do throws(SystemError) {
                try DescriptorPassing.send(
                    HandOverMessage(first: first, count: part.count).encoded,
                    [file.number] + part.map(\.descriptor),
                    through: socket.sending
                )
            } catch {
                // Then the socket itself could not be passed on either.
                if error.code == ETOOMANYREFS { throw error }
                failure = error
                return
            }
            sent += part
        }
    }
}
