import Glibc
import Sockets
import Synchronization

extension Connection {
    /// Receives the PROXY header. Bytes after it stay in the socket.
    func receiveHeader(atMost most: Int, _ state: inout State, _ event: Event) -> ConnectionState.Action {
        guard var header = state.header.take() else { return .nothing }
        let hadBegun = header.count > 0
        switch unsafe header.receive(from: descriptor, event.worker.buffer, atMost: most) {
        case .failed(let code):
            state.header = header
            return receiveFailed(code, &state)
        case .endOfFile where hadBegun:
            return state.life.refused(.proxyHeader(.incomplete))
        case .endOfFile:
            state.header = header
            return answerEndOfFile(&state, event)
        case .header(_, .invalid(let failure), _):
            return state.life.refused(.proxyHeader(failure))
        case .header(let count, .needsMore, _):
            state.header = header
            return state.life.received(count, .nothing, answer: 0, now: event.now)
        case .header(let count, .complete(_, let client), let hasMore):
            state.client = client ?? peer
            let key = ClientKey(state.client)
            guard key.map(server.connections.enter) ?? true else {
                // As a listener refuses a client without a load balancer.
                state.header = header
                StreamSocket.resetOnClose(descriptor)
                server.log.refused(state.client, listener: listenerName)
                return state.life.refused(.tooManyConnections)
            }
            enteredKey.withLock { $0 = key }
            server.log.connected(
                number,
                state.client,
                proxy: client.map { _ in peer },
                listener: listenerName
            )
            let next = state.life.received(count, .nothing, answer: 0, now: event.now)
            return hasMore && next == .waitForInput ? state.life.ready() : next
        }
    }
}
