import Glibc
import ReverseClient
import Sockets

/// The three descriptors that a program is started with, which it may not get.
enum StandardStreams {
    /// Refuses a closed input or output, and sees to it that no socket of ours takes the number of a closed one.
    static func prepare(readsInput: Bool, endpoint: Endpoint) throws(ClientError) {
        if !isOpen(STDERR_FILENO) { fill(STDERR_FILENO) }
        if !isOpen(STDOUT_FILENO) {
            let error = SystemError("write the answers", code: EBADF, advice: "standard output is closed")
            throw ClientError(.cannotWrite(error), endpoint: endpoint)
        }
        guard !isOpen(STDIN_FILENO) else { return }
        if readsInput {
            let error = SystemError("read the lines", code: EBADF, advice: "standard input is closed")
            throw ClientError(.cannotRead(error), endpoint: endpoint)
        }
        fill(STDIN_FILENO)
    }

    /// Closes the output, which is when some file systems tell of a failed write (close(2)).
    static func finish(endpoint: Endpoint) throws(ClientError) {
        guard close(STDOUT_FILENO) != 0, errno != EINTR else { return }
        throw ClientError(.cannotWrite(SystemError("write the answers")), endpoint: endpoint)
    }

    private static func isOpen(_ number: Int32) -> Bool { fcntl(number, F_GETFD) >= 0 }

    /// Puts /dev/null at `number`.
    private static func fill(_ number: Int32) {
        let null = open("/dev/null", O_RDWR)
        guard null >= 0, null != number else { return }
        dup2(null, number)
        close(null)
    }
}
