import CLoad
import Glibc

/// Opens connections to the server under test, always from loopback to loopback.
///
/// A loopback address has about 28,000 ports, and each is in TIME_WAIT for a minute after its connection was closed. So the
/// clients use many addresses of 127.0.0.0/8.
struct Connecting: Sendable {
    private static let firstSource: UInt32 = 0x7F01_0001  // 127.1.0.1
    private static let clientsPerSource = 10_000
    private static let sourcesOfShortConnections = 200

    let port: UInt16

    /// The socket of long-lived client number `client`.
    func longLived(_ client: Int) throws(Failure) -> Int32 {
        try connect(from: Self.firstSource + UInt32(truncatingIfNeeded: client / Self.clientsPerSource))
    }

    /// A socket for one exchange, number `exchange` of many.
    func short(_ exchange: Int) throws(Failure) -> Int32 {
        try connect(from: Self.firstSource + 0x100 + UInt32(exchange % Self.sourcesOfShortConnections))
    }

    private func connect(from source: UInt32) throws(Failure) -> Int32 {
        let socket = cload_connect(source, port)
        if socket < 0 { throw Failure("connect to 127.0.0.1:\(port)", errno) }
        return socket
    }

    /// Raises the soft limit on descriptors to the hard one. Throws if it is too low for this many clients.
    static func allow(clients: Int) throws(Failure) {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        guard limit.rlim_max >= rlim_t(clients) + 64 else {
            throw Failure(
                "\(clients) clients need more descriptors than the hard limit of \(limit.rlim_max) allows"
            )
        }
    }
}
