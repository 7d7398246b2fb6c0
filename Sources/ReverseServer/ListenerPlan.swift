import Glibc
import ReverseCore
import Sockets

/// One configured place, resolved: the sockets to open for it.
struct ListenerPlan {
    var requests: [ListeningSocket.Request]
    var manner: Listener.Manner
    /// The permission bits of a Unix socket's file.
    var mode: UInt32
    /// Whether the host is a name with several addresses, of which this machine may lack some.
    var mayLackSome: Bool

    /// Asks the resolver, which may take seconds.
    ///
    /// - Throws: `ResolutionError`.
    init(resolving listener: Configuration.Listener) throws {
        let addresses = try listener.endpoint.resolve(passive: true)
        requests = addresses.map { address in
            let isDual = if case .ipv6 = address { address.isWildcard && !listener.ipv6Only } else { false }
            return ListeningSocket.Request(
                address: address,
                stack: isDual ? .dual : .ipv6Only
            )
        }
        manner = Listener.Manner(framing: listener.framing, unit: listener.unit)
        mode = listener.mode
        mayLackSome = addresses.count > 1
    }

    /// The paths of its Unix sockets.
    var socketPaths: [String] {
        requests.compactMap { if case .unix(let path) = $0.address { path } else { nil } }
    }

    /// Opens those sockets of the plan that `isOpen` does not know yet; with port 0 all get the same port.
    ///
    /// - Throws: the first `SystemError`, except that a name's addresses may be missing here as long as one is there.
    func open(
        unless isOpen: (ListeningSocket.Request) -> Bool,
        overlappingOurOwn: Bool,
        _ opened: (consuming ListeningSocket) -> Void
    ) throws {
        var count = 0
        var chosenPort: UInt16?
        var missing: SystemError?
        for var request in requests {
            if isOpen(request) {
                count += 1
                continue
            }
            let asked = request
            if asked.address.port == 0, let chosenPort {
                request.address = asked.address.with(port: chosenPort)
            }
            do {
                let socket = try ListeningSocket(
                    opening: request,
                    mode: mode,
                    overlappingOurOwn: overlappingOurOwn,
                    askedAs: asked
                )
                if chosenPort == nil { chosenPort = socket.place.address.port }
                opened(socket)
                count += 1
            } catch let error as SystemError
                where mayLackSome && [EADDRNOTAVAIL, EAFNOSUPPORT].contains(error.code)
            {
                missing = error
            }
        }
        if count == 0, let missing { throw missing }
    }
}

/// Places that could not be listened on. Nothing was changed by the attempt.
public struct ListenError: Error, CustomStringConvertible, Sendable {
    /// One sentence for each place.
    public let reasons: [String]

    /// The sentences, one a line.
    public var description: String { reasons.joined(separator: "\n") }
}
