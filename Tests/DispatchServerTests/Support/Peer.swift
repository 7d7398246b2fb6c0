import Glibc
import Sockets

/// The client's end of a connection: blocking, with a timeout.
final class Peer: Sendable {
    let descriptor: Int32

    init(owning descriptor: Int32) {
        self.descriptor = descriptor
        _ = fcntl(descriptor, F_SETFL, 0)
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
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

    /// Closes a TCP connection with a RST (`SO_LINGER` with no time, socket(7)).
    func resetOnClose() {
        var setting = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &setting, socklen_t(MemoryLayout<linger>.size))
    }

    /// Receives this many bytes, or fewer if the connection ends or the timeout is over.
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

    /// Sends a line, and returns whether the right answer arrives.
    func isAnswered(_ line: String) -> Bool {
        send(line + "\n")
        return receive(line.utf8.count + 1) == String(line.reversed()) + "\n"
    }

    /// Whether the end of file comes next, and no reset.
    var isAtEnd: Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, 0) == 0
    }

    /// Whether the end of file has come.
    var isAtEndNow: Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT)) == 0
    }

    /// Sends until the other side takes no more. Returns how many bytes that was.
    func fill(with line: String) -> Int {
        var line = line
        return line.withUTF8 { line in
            var sent = 0
            while true {
                // The position within the line.
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
                let untaken = StreamSocket.untakenBytes(of: descriptor)
                var space = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                if poll(&space, 1, 300) == 0, StreamSocket.untakenBytes(of: descriptor) == untaken {
                    return sent
                }
            }
        }
    }
}
