import Glibc
import ReverseClient
import Sockets

/// Streams lines from a file or a pipe.
struct StreamMode {
    let endpoint: Endpoint
    let waiting: WaitingOptions
    let json: Bool
    /// --progress or --no-progress; nil without either.
    let progress: Bool?
    /// Whether a terminal gets control characters of the answers unchanged.
    let isRaw: Bool

    func run() throws {
        // Only on a terminal, never in a log.
        let observer =
            isatty(STDERR_FILENO) == 1
            ? ProgressLine(
                isWanted: progress ?? ProgressLine.hasTerminalToItself,
                inputSize: Self.status(of: STDIN_FILENO).flatMap(Self.bytesLeft)
            )
            : nil
        defer { observer?.wipe() }
        let source = DescriptorInput(STDIN_FILENO, name: "the lines")
        let objects = json ? JSONLines(source) : nil
        let stream = Stream(
            to: endpoint,
            from: objects?.source ?? source,
            into: objects?.sink ?? AnswerOutput.standard(isRaw: isRaw),
            options: waiting.options(retry: WaitingOptions.streamRetry),
            observer: observer
        )
        try stream.run()
        // Before the output closes, because a reader such as wc(1) prints then.
        observer?.wipe()
        try StandardStreams.finish(endpoint: endpoint)
    }

    private static func status(of descriptor: Int32) -> stat? {
        var status = stat()
        return unsafe fstat(descriptor, &status) == 0 ? status : nil
    }

    /// The bytes left to read of a regular file; nil for anything else.
    private static func bytesLeft(_ status: stat) -> Int? {
        guard status.st_mode & S_IFMT == S_IFREG else { return nil }
        return max(0, Int(status.st_size) - max(0, Int(lseek(STDIN_FILENO, 0, SEEK_CUR))))
    }
}
