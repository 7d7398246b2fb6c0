import Glibc
import NIOCore
import NIOPosix

// SwiftNIO: nio-peer PORT. One event loop per core, NIO's own.
//
// A handler on raw buffers rather than a ByteToMessageDecoder, which would copy each line out; the lines of a read are
// reversed where they lie, written as one buffer, and flushed once.

final class Reverse: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var partial: ByteBuffer?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if var whole = partial {
            whole.writeBuffer(&bytes)
            bytes = whole
            partial = nil
        }
        let answered = bytes.withUnsafeMutableReadableBytes(Self.reverseLines)
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

    /// Reverses each whole line in place and returns how many bytes they are.
    private static func reverseLines(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
        guard let base = bytes.baseAddress else { return 0 }
        var line = 0
        while let end = memchr(base + line, 0x0A, bytes.count - line).map({
            UnsafeRawPointer($0) - UnsafeRawPointer(base)
        }) {
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

guard CommandLine.arguments.count == 2, let port = Int(CommandLine.arguments[1]) else {
    print("usage: nio-peer PORT")
    exit(64)
}
let group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
let listener = try await ServerBootstrap(group: group)
    .serverChannelOption(.backlog, value: 4096)
    .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
    .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
    .childChannelOption(.maxMessagesPerRead, value: 1)
    .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Reverse()) }
    }
    .bind(host: "127.0.0.1", port: port)
    .get()
try await listener.closeFuture.get()
