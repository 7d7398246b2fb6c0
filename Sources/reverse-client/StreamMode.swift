import Glibc
import ReverseClient
import Sockets

/// The lines come from a file or a pipe.
struct StreamMode {
    let endpoint: Endpoint
    let patience: Patience

    func run() throws {
        let stream = Stream(
            to: endpoint,
            from: DescriptorInput(STDIN_FILENO, name: "the lines"),
            into: DescriptorOutput(STDOUT_FILENO, name: "the answers"),
            options: patience.options(retry: Patience.streamRetry)
        )
        try stream.run()
        try StandardStreams.finish(endpoint: endpoint)
    }
}
