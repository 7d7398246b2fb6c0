import Logging
import NIOCore
import NIOExtras
import NIOPosix
import ServiceLifecycle
import Systemd
import SystemdLifecycle

/// Greets its clients and sends back what they send: on the sockets that systemd opened, or else on 127.0.0.1.
struct EchoServer: Service {
    let sockets: [ActivationSocket]
    let eventLoops: any EventLoopGroup
    let greeting: Greeting
    let readiness: Readiness
    let logger: Logger

    func run() async throws {
        let listeners = try await listen()
        readiness.reportListening()
        // Throws if another service of the group has failed. The server stops in the same way.
        try? await gracefulShutdown()
        for listener in listeners {
            let stopped = eventLoops.any().makePromise(of: Void.self)
            listener.initiateShutdown(promise: stopped)
            try await stopped.futureResult.get()
        }
    }

    private func listen() async throws -> [ServerQuiescingHelper] {
        var listeners: [ServerQuiescingHelper] = []
        for socket in sockets {
            let listener = ServerQuiescingHelper(group: eventLoops)
            _ = try await makeBootstrap(listener).withBoundSocket(socket.descriptor).get()
            socket.restoreBacklog()
            logger.notice("listening", metadata: ["socket": "\(socket.name)"])
            listeners.append(listener)
        }
        if sockets.isEmpty {
            let listener = ServerQuiescingHelper(group: eventLoops)
            let channel = try await makeBootstrap(listener).bind(host: "127.0.0.1", port: 7_007).get()
            logger.notice("listening", metadata: ["address": "\(channel.localAddress?.description ?? "")"])
            listeners.append(listener)
        }
        return listeners
    }

    private func makeBootstrap(_ listener: ServerQuiescingHelper) -> ServerBootstrap {
        ServerBootstrap(group: eventLoops)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = listener.makeServerChannelHandler(channel: channel)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = EchoHandler(greeting: greeting.text, logger: logger)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
    }
}

/// The connection of one client.
final class EchoHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let greeting: String
    private let logger: Logger

    init(greeting: String, logger: Logger) {
        self.greeting = greeting
        self.logger = logger
    }

    func channelActive(context: ChannelHandlerContext) {
        let client = context.remoteAddress?.description ?? "unknown"
        logger.info("connected", metadata: ["client": "\(client)"])
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: greeting + "\n")), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.writeAndFlush(wrapOutboundOut(unwrapInboundIn(data)), promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            // The server stops. This empty write completes when all earlier answers have been sent.
            let channel = context.channel
            context.writeAndFlush(wrapOutboundOut(ByteBuffer()))
                .whenComplete { _ in channel.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }
}
