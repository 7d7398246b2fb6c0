import CLinux
import Glibc
import ReverseClient
import Sockets

/// Checks of standard input and output.
enum StandardStreams {
    /// Refuses an input or output that was closed at the start (it is open on /dev/null by now), and an input that is the
    /// output.
    static func check(readsInput: Bool, endpoint: Endpoint) throws(ClientError) {
        if linux_was_closed_at_start(STDOUT_FILENO) {
            let error = SystemError("write the answers", code: EBADF, advice: "standard output is closed")
            throw ClientError(.cannotWrite(error), endpoint: endpoint)
        }
        guard readsInput else { return }
        if linux_was_closed_at_start(STDIN_FILENO) {
            let error = SystemError("read the lines", code: EBADF, advice: "standard input is closed")
            throw ClientError(.cannotRead(error), endpoint: endpoint)
        }
        if inputIsOutput {
            throw ClientError(.inputIsOutput, endpoint: endpoint)
        }
    }

    /// Closes the output, because some file systems report a failed write only then (close(2)).
    static func finish(endpoint: Endpoint) throws(ClientError) {
        guard close(STDOUT_FILENO) != 0, errno != EINTR else { return }
        throw ClientError(.cannotWrite(SystemError("write the answers")), endpoint: endpoint)
    }

    /// Whether input and output are the same file, which would grow until the disk is full. A file with
    /// nothing left to read is harmless.
    private static var inputIsOutput: Bool {
        var input = stat()
        var output = stat()
        guard unsafe fstat(STDIN_FILENO, &input) == 0, unsafe fstat(STDOUT_FILENO, &output) == 0,
            input.st_mode & S_IFMT == S_IFREG, output.st_mode & S_IFMT == S_IFREG
        else { return false }
        return input.st_dev == output.st_dev && input.st_ino == output.st_ino
            && lseek(STDIN_FILENO, 0, SEEK_CUR) < input.st_size
    }
}
