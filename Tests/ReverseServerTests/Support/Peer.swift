import Glibc
import Sockets

/// The client's end of a connection, blocking, with a bound on its patience.
final class Peer {
    let descriptor: Int32

    init(owning descriptor: Int32) {
        self.descriptor = descriptor
        _ = fcntl(descriptor, F_SETFL, 0)
        var patience = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    convenience init(connectingTo address: SocketAddress) throws {
        self.init(owning: try StreamSocket.connect(to: address).release())
    }

    /// A peer, and the non-blocking other end of its connection, which is the caller's to close.
    static func pair() throws -> (peer: Peer, other: Int32) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0 else {
            throw SystemError("make a pair of sockets")
        }
        try StreamSocket.adopt(ends[1])
        return (Peer(owning: ends[0]), ends[1])
    }

    deinit { close(descriptor) }

    func send(_ text: String) {
        var text = text
        _ = text.withUTF8 { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    func halfClose() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// That many bytes, or fewer where the connection ends or nothing comes.
    func receive(_ count: Int) -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while bytes.count < count {
            let received = recv(descriptor, &buffer, min(buffer.count, count - bytes.count), 0)
            guard received > 0 else { break }
            bytes += buffer[..<received]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    func receiveToEnd() -> String { receive(.max) }

    /// Whether the end-of-file comes next, and no reset.
    var isAtEnd: Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, 0) == 0
    }

    /// Sends until the other side takes no more; how many bytes that was.
    func fill(with line: String) -> Int {
        var line = line
        return line.withUTF8 { line in
            var sent = 0
            while true {
                // Where in the stream of lines this goes on.
                let at = sent % line.count
                let count = Glibc.send(
                    descriptor,
                    line.baseAddress.map { $0 + at },
                    line.count - at,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
                )
                if count > 0 {
                    sent += count
                    continue
                }
                var room = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                if poll(&room, 1, 300) == 0 { return sent }
            }
        }
    }
}
