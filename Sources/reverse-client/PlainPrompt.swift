import Glibc
import LineEditor
import ReverseClient

/// The prompt on a terminal without escape sequences: the terminal driver edits the line.
struct PlainPrompt {
    func readLine(_ prompt: String, _ output: StandardOutput) throws(ClientError) -> LineEditor.Outcome {
        try output.write(prompt)
        var line: [UInt8] = []
        var emptyReads = EmptyReads()
        while true {
            if Interrupt.take() {
                try output.write("\n")
                return .interrupted(hadText: !line.isEmpty)
            }
            // A signal may arrive just before poll(2), so it never waits for long.
            var polls = [pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)]
            let count = unsafe poll(&polls, 1, 300)
            if count < 0 && errno != EINTR { return .failed(errno) }
            guard count > 0 else { continue }
            // One byte at a time, so that input after the line stays in the terminal.
            var byte: UInt8 = 0
            let length = unsafe read(STDIN_FILENO, &byte, 1)
            if length < 0 && errno == EINTR { continue }
            if emptyReads.mustPollAgain(after: length) { continue }
            if length < 0 && errno != EIO { return .failed(errno) }
            guard length == 1 else {
                try output.write("\n")
                return line.isEmpty || length < 0 ? .endOfInput : entered(line)
            }
            if byte == 0x0A { return entered(line) }
            line.append(byte)
        }
    }

    /// A line counts as pasted if more input has already arrived.
    private func entered(_ line: [UInt8]) -> LineEditor.Outcome {
        var more: Int32 = 0
        let isPasted = unsafe ioctl(STDIN_FILENO, UInt(FIONREAD), &more) == 0 && more > 0
        return .line(String(decoding: line, as: UTF8.self), isTyped: !isPasted)
    }
}
