import Glibc
import ReverseClient
import Sockets

/// The lines come from a file or a pipe.
struct StreamMode {
    let endpoint: Endpoint
    let patience: Patience
    let json: Bool
    /// What the person said about the progress line; nil for nothing.
    let progress: Bool?

    func run() throws {
        // Never in a log.
        let observer =
            isatty(STDERR_FILENO) == 1
            ? ProgressLine(
                isWanted: progress ?? ProgressLine.disturbsNobody,
                inputSize: Self.status(of: STDIN_FILENO).flatMap(Self.bytesLeft)
            )
            : nil
        defer { observer?.wipe() }
        let source = DescriptorInput(STDIN_FILENO, name: "the lines")
        let objects = json ? JSONLines(source) : nil
        let stream = Stream(
            to: endpoint,
            from: objects?.source ?? source,
            into: objects?.sink ?? DescriptorOutput(STDOUT_FILENO, name: "the answers"),
            options: patience.options(retry: Patience.streamRetry),
            observer: observer
        )
        try stream.run()
        // Before the end of the output, at which a reader such as wc(1) prints.
        observer?.wipe()
        try StandardStreams.finish(endpoint: endpoint)
    }

    private static func status(of descriptor: Int32) -> stat? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? status : nil
    }

    /// What is left to read of a file; nil for anything else.
    private static func bytesLeft(_ status: stat) -> Int? {
        guard status.st_mode & S_IFMT == S_IFREG else { return nil }
        return max(0, Int(status.st_size) - max(0, Int(lseek(STDIN_FILENO, 0, SEEK_CUR))))
    }
}
