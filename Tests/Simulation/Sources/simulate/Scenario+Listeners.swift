import DispatchServer
import Sockets
import World

// What a reload must do to the listening sockets.
extension Scenario {
    /// The sockets that take new clients.
    var openListeners: [ListeningFile] { world.kernel.listeners.filter(\.takesNewClients) }

    /// Each address of the configuration has a socket of its own. It is the one from before the reload if the old configuration
    /// has the address, too.
    func checkListeners(of next: Configuration, before: [ListeningFile]) {
        // A socket that libdispatch could not watch is closed at any time.
        guard world.conditions.failsOneIn == 0 else { return }
        var unclaimed = openListeners
        var before = before
        for listener in next.listeners {
            let wasConfigured = configuration.listeners.contains {
                $0.endpoint == listener.endpoint && $0.ipv6Only == listener.ipv6Only
            }
            let wasOpen = { (file: ListeningFile) in before.contains { $0 === file } }
            let candidates = unclaimed.filter { Self.isAddress($0.address, of: listener.endpoint) }
            guard let found = candidates.first(where: wasOpen) ?? candidates.first else {
                return world.fail("after the reload nobody listens on \(listener.endpoint)")
            }
            let couldStay = before.contains { Self.isAddress($0.address, of: listener.endpoint) }
            if wasConfigured, couldStay, !wasOpen(found) {
                world.fail(
                    "the reload has replaced the socket of \(listener.endpoint), which has not changed"
                )
            }
            unclaimed.removeAll { $0 === found }
            before.removeAll { $0 === found }
        }
    }

    private static func isAddress(_ address: Address?, of endpoint: Endpoint) -> Bool {
        switch (endpoint, address) {
        case (.unix(let path), .unix(let other)): path == other
        case (.internet(let host, let port), .ipv4(let bytes, let other)):
            bytes.map(String.init).joined(separator: ".") == host && isPort(other, of: port)
        case (.internet(let host, let port), .ipv6(let bytes, let other)):
            (bytes.allSatisfy { $0 == 0 } ? "::" : "::1") == host && isPort(other, of: port)
        default: false
        }
    }

    /// The simulated kernel chooses ports above 40,000.
    private static func isPort(_ port: UInt16, of configured: UInt16) -> Bool {
        configured == 0 ? port > 40_000 : port == configured
    }
}
