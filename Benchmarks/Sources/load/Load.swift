import ArgumentParser
import Dispatch
import Foundation
import Synchronization

@main
struct Load: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Puts a line-reversing server on this machine under load and checks every byte of its answers.",
        subcommands: [Closed.self, Open.self, Connect.self, Hold.self]
    )
}

/// The options of every kind of load.
struct Target: ParsableArguments {
    @Option(help: "The port on 127.0.0.1.")
    var port: UInt16

    @Option(help: "The process of the server, the leader of its session: report its CPU time.")
    var server: Int32?

    @Option(help: "The number of connections at a time.")
    var clients = 1

    @Option(help: "Characters in a line of ASCII, without LF.")
    var length = 15

    @Option(help: "A file of lines to send instead.", completion: .file())
    var requests: String?

    @Option(help: "The file of their answers.", completion: .file())
    var answers: String?

    @Option(
        help:
            "Combine lines to blocks of about this many bytes, which are sent together and count as one answer."
    )
    var block = 0

    func script(atLeast lines: Int) throws -> Script {
        guard let requests, let answers else {
            return try Script(lineLength: length, atLeast: lines, blockSize: block)
        }
        return try Script(
            requests: Array(Data(contentsOf: URL(fileURLWithPath: requests))),
            answers: Array(Data(contentsOf: URL(fileURLWithPath: answers))),
            blockSize: block
        )
    }

    func validate() throws {
        guard clients >= 1, clients <= 100_000 else { throw ValidationError("--clients is 1 to 100000") }
        guard length >= 1, length <= 1 << 20 else { throw ValidationError("--length is 1 to 1048576") }
        guard (0...1 << 20).contains(block) else { throw ValidationError("--block is at most 1048576") }
        guard (requests == nil) == (answers == nil) else {
            throw ValidationError("--requests and --answers go together")
        }
    }
}

/// The duration of a run and its threads.
struct Extent: ParsableArguments {
    @Option(help: "Seconds before the measurement.")
    var warmUp = 0.3

    @Option(help: "Seconds of the measurement.")
    var duration = 2.0

    @Option(help: "Threads of the generator.")
    var threads = 1

    func validate() throws {
        guard (0...60).contains(warmUp), (0.01...60).contains(duration) else {
            throw ValidationError("--warm-up and --duration are at most 60 seconds")
        }
        guard (1...64).contains(threads) else { throw ValidationError("--threads is 1 to 64") }
    }

    var window: Window { Window(after: warmUp, lasting: duration) }

    /// Runs `share` once on each thread and returns their records. The first failure is thrown.
    func gather(_ share: @Sendable (Int) throws -> Record) throws -> [Record] {
        let results = Mutex<[Result<Record, any Error>]>([])
        DispatchQueue.concurrentPerform(iterations: threads) { thread in
            let result = Result { try share(thread) }
            results.withLock { $0.append(result) }
        }
        return try results.withLock { try $0.map { try $0.get() } }
    }
}

/// The clients of a thread.
private func share(of clients: Int, thread: Int, threads: Int) -> Range<Int> {
    (clients * thread / threads)..<(clients * (thread + 1) / threads)
}

private func runLongConnections(_ target: Target, _ extent: Extent, pace: ConversationLoop.Pace, script: Script) throws
{
    try Connecting.allow(clients: target.clients)
    let connecting = Connecting(port: target.port)
    var sockets: [Int32] = []
    for client in 0..<target.clients { sockets.append(try connecting.longLived(client)) }
    let window = extent.window
    let records = try extent.gather { [sockets] thread in
        var loop = try ConversationLoop(
            sockets: Array(sockets[share(of: target.clients, thread: thread, threads: extent.threads)]),
            script: script,
            pace: pace,
            window: window,
            server: thread == 0 ? target.server : nil
        )
        return try loop.run()
    }
    for socket in sockets { close(socket) }
    try Summary(records: records, clients: target.clients, window: window, hasServer: target.server != nil)
        .print()
}

struct Closed: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Closed loop: every client keeps this many lines in flight, and sends the next when an answer arrives."
    )

    @OptionGroup var target: Target
    @OptionGroup var extent: Extent

    @Option(help: "Lines in flight for each client.")
    var inFlight = 1

    func validate() throws {
        guard (1...65_536).contains(inFlight) else { throw ValidationError("--in-flight is 1 to 65536") }
        guard extent.threads <= target.clients else { throw ValidationError("more threads than clients") }
    }

    func run() throws {
        try runLongConnections(
            target,
            extent,
            pace: .closed(inFlight: inFlight),
            script: target.script(atLeast: inFlight)
        )
    }
}

struct Open: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Open loop: lines at a fixed rate; latency counts from the due time of a line, not from the time it was sent."
    )

    @OptionGroup var target: Target
    @OptionGroup var extent: Extent

    @Option(help: "Lines a second, over all clients.")
    var rate: Double

    func validate() throws {
        guard (1...10_000_000).contains(rate) else { throw ValidationError("--rate is 1 to 10000000") }
        guard extent.threads <= target.clients else { throw ValidationError("more threads than clients") }
    }

    func run() throws {
        let interval = 1e9 / (rate / Double(extent.threads))
        try runLongConnections(target, extent, pace: .open(interval: interval), script: target.script(atLeast: 64))
    }
}

struct Connect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Connect, one line, one answer, close, and again."
    )

    @OptionGroup var target: Target
    @OptionGroup var extent: Extent

    func run() throws {
        try Connecting.allow(clients: target.clients)
        let script = try target.script(atLeast: 64)
        let window = extent.window
        let records = try extent.gather { thread in
            var loop = try ConnectLoop(
                clients: share(of: target.clients, thread: thread, threads: extent.threads).count,
                script: script,
                connecting: Connecting(port: target.port),
                window: window,
                server: thread == 0 ? target.server : nil
            )
            return try loop.run()
        }
        try Summary(
            records: records,
            clients: target.clients,
            window: window,
            hasServer: target.server != nil
        ).print()
    }
}

struct Hold: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Opens connections, sends one line on each, prints \"held N\", and keeps them idle until standard input "
            + "ends."
    )

    @OptionGroup var target: Target

    func run() throws {
        try Connecting.allow(clients: target.clients)
        let script = try target.script(atLeast: 4)
        let connecting = Connecting(port: target.port)
        var sockets: [Int32] = []
        for client in 0..<target.clients {
            let socket = try connecting.longLived(client)
            try exchangeOneLine(socket, client: client, script: script)
            sockets.append(socket)
        }
        // Not print, which would buffer the line.
        try FileHandle.standardOutput.write(contentsOf: Data("held \(sockets.count)\n".utf8))
        while getchar() != EOF {}
        for socket in sockets {
            var byte: UInt8 = 0
            let received = recv(socket, &byte, 1, Int32(MSG_DONTWAIT))
            guard received < 0, errno == EAGAIN else {
                throw Failure("the server closed an idle connection or sent something on it")
            }
            close(socket)
        }
    }

    private func exchangeOneLine(_ socket: Int32, client: Int, script: Script) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 64)
        defer { buffer.deallocate() }
        var conversation = Conversation(socket: socket, firstLine: client, script: script)
        conversation.allow(1, script: script)
        try conversation.flush(script: script)
        while conversation.answered < 1 {
            var readable = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            guard poll(&readable, 1, 10_000) > 0 else {
                throw Failure("client \(client) had no answer for 10 s")
            }
            _ = try conversation.receive(into: buffer, script: script)
        }
    }
}
