import Glibc
import Sockets

/// One configured listener, without the type of its sessions.
struct ListenerRequest: Sendable {
    var endpoint: Endpoint
    var ipv6Only: Bool
    var mode: UInt32
    var makeSession: SessionMaker
}

/// The sockets to open for one configured listener, after its name was resolved.
struct ListenerPlan: Sendable {
    var requests: [ListeningSocket.Request]
    var makeSession: SessionMaker
    /// The permission bits of a Unix socket's file.
    var mode: UInt32
    /// Whether the host has several addresses. Then this machine may lack some of them.
    var mayLackSome: Bool

    /// Calls the resolver, which may take seconds or never return: use a separate queue.
    ///
    /// - Throws: `ResolutionError`.
    init(resolving listener: ListenerRequest) throws {
        let addresses = try listener.endpoint.resolve(passive: true)
        requests = addresses.map { address in
            let isDual = if case .ipv6 = address { address.isWildcard && !listener.ipv6Only } else { false }
            return ListeningSocket.Request(
                address: address,
                stack: isDual ? .dual : .ipv6Only
            )
        }
        makeSession = listener.makeSession
        mode = listener.mode
        mayLackSome = addresses.count > 1
    }

    /// The paths of its Unix sockets.
    var socketPaths: [String] {
        requests.compactMap { if case .unix(let path) = $0.address { path } else { nil } }
    }

    /// Resolves the names of all listeners.
    ///
    /// - Throws: `ListenError` with every name that has no address, and every listener whose address collides with another.
    static func resolve(_ listeners: [ListenerRequest]) throws -> [ListenerPlan] {
        var plans: [ListenerPlan] = []
        var reasons: [String] = []
        for listener in listeners {
            do { plans.append(try ListenerPlan(resolving: listener)) } catch { reasons.append("\(error)") }
        }
        guard reasons.isEmpty else { throw ListenError(reasons: reasons) }
        for (index, plan) in plans.enumerated() {
            guard let other = plans[..<index].firstIndex(where: { $0.collides(with: plan) }) else { continue }
            reasons.append(
                """
                cannot listen on \(listeners[index].endpoint) beside \(listeners[other].endpoint): they resolve to \
                the same address, or one covers the other; take one of them out
                """
            )
        }
        guard reasons.isEmpty else { throw ListenError(reasons: reasons) }
        return plans
    }

    /// Whether the system would refuse to listen on addresses of both plans.
    private func collides(with other: ListenerPlan) -> Bool {
        requests.contains { request in
            other.requests.contains { request.covers($0) || $0.covers(request) }
        }
    }

    /// Opens the sockets of the plan for which `isOpen` is false. With port 0 all get the same port.
    ///
    /// - Throws: The first `SystemError`. If `mayLackSome`, addresses that this machine lacks are skipped, except the last.
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
                if chosenPort == nil { chosenPort = socket.identity.address.port }
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

/// The server could not listen on some addresses. The attempt has changed nothing.
public struct ListenError: Error, CustomStringConvertible, Sendable {
    /// One sentence for each address.
    public let reasons: [String]

    /// The sentences, one a line.
    public var description: String { reasons.joined(separator: "\n") }
}

extension ListeningSocket.Request {
    /// Whether a client that connects to the other address could reach this one, too.
    fileprivate func covers(_ other: ListeningSocket.Request) -> Bool {
        if address == other.address { return address.port != 0 }
        guard address.isWildcard, address.port == other.address.port, address.port != 0 else { return false }
        return address.family == other.address.family || stack == .dual && other.address.port != nil
    }
}
