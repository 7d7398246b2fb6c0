import HummingbirdCore
import Logging
import NIOCore
import NIOExtras
import NIOPosix
import ServiceLifecycle
import Systemd
import SystemdLifecycle

/// Serves Hummingbird's channels on sockets that systemd opened. `Application` cannot adopt them: it binds addresses.
struct ActivatedServer<Child: ServerChildChannel>: Service {
    /// Serves a client, such as Hummingbird's `HTTP1Channel`.
    let child: Child
    let sockets: [ActivationSocket]
    let eventLoops: any EventLoopGroup
    let readiness: Readiness
    let logger: Logger

    func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for socket in sockets {
                let helper = ServerQuiescingHelper(group: eventLoops)
                let listener = try await listen(on: socket, helper)
                socket.restoreBacklog()
                logger.notice("listening", metadata: ["socket": "\(socket.name)"])
                group.addTask { try await serve(listener, helper) }
            }
            readiness.reportListening()
        }
    }

    private func listen(
        on socket: ActivationSocket,
        _ helper: ServerQuiescingHelper
    ) async throws -> NIOAsyncChannel<Child.Value, Never> {
        try await ServerBootstrap(group: eventLoops)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = helper.makeServerChannelHandler(channel: channel)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .bind(socket.descriptor) { child.setup(channel: $0, logger: logger) }
    }

    /// Returns when the group stops and the last client has its answer.
    private func serve(
        _ listener: NIOAsyncChannel<Child.Value, Never>,
        _ helper: ServerQuiescingHelper
    ) async throws {
        try await withGracefulShutdownHandler {
            try await listener.executeThenClose { clients in
                try await withThrowingDiscardingTaskGroup { group in
                    for try await client in clients {
                        group.addTask { await child.handle(value: client, logger: logger) }
                    }
                }
            }
        } onGracefulShutdown: {
            helper.initiateShutdown(promise: nil)
        }
    }
}
