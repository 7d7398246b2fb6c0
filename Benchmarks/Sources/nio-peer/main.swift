import Glibc
import NIOCore
import NIOPosix

// SwiftNIO: nio-peer PORT LOOPS [COST]. COST as in epoll.c.
//
// A handler on raw buffers, because a ByteToMessageDecoder would copy each line. The lines of a read are reversed in place, written
// as one buffer, and flushed once.

final class Reverse: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let cost: Int
    private static let classes = (0..<256).map { UInt8(truncatingIfNeeded: $0 * 167 + 13) }
    private var partial: ByteBuffer?
    /// The results of `work`, so that the compiler keeps it.
    private(set) var states: UInt8 = 0

    init(cost: Int) {
        self.cost = cost
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if var whole = partial {
            whole.writeBuffer(&bytes)
            bytes = whole
            partial = nil
        }
        let answered = bytes.withUnsafeMutableReadableBytes(reverseLines)
        if answered == bytes.readableBytes {
            context.write(wrapOutboundOut(bytes), promise: nil)
        } else {
            if let answers = bytes.readSlice(length: answered), answered > 0 {
                context.write(wrapOutboundOut(answers), promise: nil)
            }
            partial = bytes
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    /// Spends the time that segmentation would take.
    private func work(_ line: UnsafeRawBufferPointer) -> UInt8 {
        Self.classes.withUnsafeBufferPointer { classes in
            var state: UInt8 = 0
            for _ in 0..<cost {
                for byte in line { state = classes[Int(state ^ byte)] }
            }
            return state
        }
    }

    /// Reverses each whole line in place and returns how many bytes they are.
    private func reverseLines(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
        guard let base = bytes.baseAddress else { return 0 }
        var line = 0
        while let end = memchr(base + line, 0x0A, bytes.count - line).map({
            UnsafeRawPointer($0) - UnsafeRawPointer(base)
        }) {
            states ^= work(UnsafeRawBufferPointer(rebasing: bytes[line..<end]))
            var first = line
            var last = end - 1
            while first < last {
                bytes.swapAt(first, last)
                first += 1
                last -= 1
            }
            line = end + 1
        }
        return line
    }
}

let numbers = CommandLine.arguments.dropFirst().compactMap { Int($0) }
guard numbers.count == CommandLine.arguments.count - 1, (2...3).contains(numbers.count) else {
    print("usage: nio-peer PORT LOOPS [COST]")
    exit(64)
}
let port = numbers[0]
let cost = numbers.count > 2 ? numbers[2] : 0
let group = MultiThreadedEventLoopGroup(numberOfThreads: numbers[1])
let listener = try await ServerBootstrap(group: group)
    .serverChannelOption(.backlog, value: 4096)
    .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
    .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
    .childChannelOption(.maxMessagesPerRead, value: 1)
    .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(Reverse(cost: cost))
        }
    }
    .bind(host: "127.0.0.1", port: port)
    .get()
try await listener.closeFuture.get()
