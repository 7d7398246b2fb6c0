import ArgumentParser
import Glibc
import ReverseClient
import Sockets

/// The lines come from a file or a pipe.
struct StreamMode {
    let endpoint: Endpoint
    let patience: Patience
    /// What the person said about the progress line; nil for nothing.
    let progress: Bool?
    /// Whether a terminal gets control characters of the answers as they are.
    let isRaw: Bool

    func run() throws {
        // Never in a log; and where the answers go to the terminal too, only when it is asked for.
        let isWatched = isatty(STDERR_FILENO) == 1
        let observer =
            isWatched
            ? ProgressLine(showsLine: progress ?? (isatty(STDOUT_FILENO) == 0), inputSize: Self.inputSize())
            : nil
        defer { observer?.wipe() }
        let stream = Stream(
            to: endpoint,
            from: DescriptorInput(STDIN_FILENO, name: "the lines"),
            into: AnswerOutput.standard(isRaw: isRaw),
            options: patience.options(retry: Patience.streamRetry),
            observer: observer
        )
        try stream.run()
        try StandardStreams.finish(endpoint: endpoint)
    }

    /// What is left to read of a file; nil for anything else.
    private static func inputSize() -> Int? {
        var status = stat()
        guard fstat(STDIN_FILENO, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return max(0, Int(status.st_size) - max(0, Int(lseek(STDIN_FILENO, 0, SEEK_CUR))))
    }
}
