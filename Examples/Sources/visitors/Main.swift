import Dispatch
import Glibc
import Sockets
import Synchronization
import Systemd

/// Sends each client the number of clients so far. The count survives a restart of the service.
@main struct Main {
    static func main() {
        let notifier = Notifier()
        let store = DescriptorStore(notifier)
        // Do not trust what comes back: any process of the service may have stored it.
        let handedIn = ActivationSockets.take(storedUnder: { $0 == "count" })
        let visitors = Visitors()
        for descriptor in handedIn.stored.map(\.descriptor) {
            visitors.restore(from: SealedMemory.bytes(of: descriptor, limit: 20) ?? [])
            close(descriptor)
        }
        store.remove("count")

        for number in [SIGTERM, SIGPIPE] { signal(number, SIG_IGN) }
        let sources = handedIn.listeners.map { listener in
            let source = DispatchSource.makeReadSource(fileDescriptor: listener.descriptor, queue: .main)
            source.setEventHandler { visitors.greet(nextClientOf: listener.descriptor) }
            source.activate()
            return source
        }
        let stop = DispatchSource.makeSignalSource(signal: SIGTERM, queue: .main)
        stop.setEventHandler {
            notifier.stopping()
            if let state = SealedMemory.make("visitors", visitors.bytes) {
                // systemd removes a watched descriptor when it reports an error; a file in memory never does.
                store.store(state, as: "count", isWatched: false)
            }
            // systemd may ignore messages of a process that has ended, so wait until it has the descriptor.
            store.whenSettled(timeout: .seconds(5)) { _ in exit(0) }
        }
        stop.activate()
        notifier.ready()
        withExtendedLifetime((sources, stop)) { dispatchMain() }
    }
}

/// The number of clients so far.
private final class Visitors: Sendable {
    private let count = Mutex(0)

    /// The count as text.
    var bytes: [UInt8] { Array(count.withLock { "\($0)" }.utf8) }

    func restore(from bytes: [UInt8]) {
        if let number = Int(String(decoding: bytes, as: UTF8.self)) { count.withLock { $0 = number } }
    }

    func greet(nextClientOf listener: Int32) {
        guard case .client(let client, _) = StreamSocket.accept(from: listener) else { return }
        let number = count.withLock { count in
            count &+= 1
            return count
        }
        let line = Array("\(number)\n".utf8)
        _ = send(client.number, line, line.count, Int32(MSG_NOSIGNAL))
    }
}
