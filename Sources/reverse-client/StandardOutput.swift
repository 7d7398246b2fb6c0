import Glibc
import ReverseClient
import Sockets

/// Standard output for modes that write little and wait for it.
struct StandardOutput {
    let endpoint: Endpoint

    func write(_ text: String) throws(ClientError) { try write(Array(text.utf8)) }

    func write(_ bytes: [UInt8]) throws(ClientError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if written < 0 {
                let code = errno
                if code == EINTR { continue }
                if code == EAGAIN {
                    var polls = [pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)]
                    _ = poll(&polls, 1, -1)
                    continue
                }
                throw ClientError(
                    .cannotWrite(SystemError("write the answers", code: code)),
                    endpoint: endpoint
                )
            }
            rest = rest.dropFirst(written)
        }
    }
}
