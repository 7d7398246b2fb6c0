import Glibc
import Sockets

/// A stream socket to an endpoint: looks up its addresses, races connection attempts to them, sends and receives. It never
/// blocks; name lookup has its own thread.
final class Transport {
    enum Phase { case idle, lookingUp, connecting, open }

    /// The result of a read or a write.
    enum Outcome {
        case bytes(Int)
        case blocked
        case ended
        case failed(SystemError)
    }

    /// No address accepted the connection.
    struct ConnectFailure: Error {
        var reason: String
        var advice: String
        /// Whether a later attempt may succeed.
        var isTemporary: Bool
    }

    private final class Attempt {
        let socket: Descriptor
        let address: SocketAddress
        init(_ socket: consuming Descriptor, to address: SocketAddress) {
            self.socket = socket
            self.address = address
        }
    }

    let endpoint: Endpoint
    private(set) var phase = Phase.idle
    private let knownAddresses: [SocketAddress]?
    /// Kept across attempts, so that a resolver that does not answer is asked only once.
    private var lookup: NameLookup?
    private var race = ConnectionRace([])
    private var attempts: [Attempt] = []
    private var lastFailure: SystemError?
    private var connection: Attempt?
    private var hasShutDown = false

    /// When to call `advance` even if no descriptor is ready.
    private(set) var wakeUp: ContinuousClock.Instant?

    /// - Parameter addresses: The addresses of the endpoint, for tests; nil to look them up.
    init(endpoint: Endpoint, addresses: [SocketAddress]? = nil) {
        self.endpoint = endpoint
        knownAddresses = addresses ?? endpoint.literalAddress.map { [$0] }
    }

    /// The connection's descriptor; -1, which poll(2) ignores, without a connection.
    var descriptor: Int32 { connection?.socket.number ?? -1 }

    /// The descriptors to poll until connected.
    var connectionPolls: [pollfd] {
        switch phase {
        case .idle, .open: []
        case .lookingUp: [pollfd(fd: lookup?.descriptor ?? -1, events: Int16(POLLIN), revents: 0)]
        case .connecting:
            attempts.map { pollfd(fd: $0.socket.number, events: Int16(POLLOUT), revents: 0) }
        }
    }

    /// Starts to connect. `advance` continues.
    func connect(at now: ContinuousClock.Instant) throws(ConnectFailure) {
        close()
        if let knownAddresses {
            begin(knownAddresses)
        } else {
            do throws(SystemError) {
                if lookup == nil { lookup = try NameLookup(of: endpoint) }
            } catch {
                throw ConnectFailure(reason: error.description, advice: "try again", isTemporary: true)
            }
            phase = .lookingUp
        }
        try advance(at: now)
    }

    /// Makes all progress that is possible without waiting, up to `open`.
    func advance(at now: ContinuousClock.Instant) throws(ConnectFailure) {
        if phase == .lookingUp {
            guard let result = lookup?.result else { return }
            lookup = nil
            switch result {
            case .success(let addresses): begin(addresses)
            case .failure(let error):
                close()
                throw ConnectFailure(
                    reason: error.description,
                    advice: error.isTemporary
                        ? "the name service does not answer: try again" : "check the name",
                    isTemporary: error.isTemporary
                )
            }
        }
        guard phase == .connecting else { return }
        while true {
            if takeResults() { return }
            switch race.step(at: now) {
            case .begin(let index): begin(race.addresses[index])
            case .wait(let time):
                wakeUp = time
                return
            case .exhausted:
                let failure = describe(
                    lastFailure ?? SystemError("connect", code: EADDRNOTAVAIL),
                    of: race.addresses
                )
                close()
                throw failure
            }
        }
    }

    private func begin(_ addresses: [SocketAddress]) {
        race = ConnectionRace(addresses)
        lastFailure = nil
        phase = .connecting
    }

    private func begin(_ address: SocketAddress) {
        do {
            attempts.append(Attempt(try StreamSocket.connect(to: address), to: address))
        } catch {
            lastFailure = error as? SystemError ?? SystemError("connect", code: EINVAL)
            race.attemptFailed()
        }
    }

    /// Collects the results of attempts. Returns true if one has succeeded.
    private func takeResults() -> Bool {
        var polls = connectionPolls
        guard unsafe poll(&polls, nfds_t(polls.count), 0) > 0 else { return false }
        var running: [Attempt] = []
        for (attempt, poll) in zip(attempts, polls) {
            guard poll.revents != 0 else {
                running.append(attempt)
                continue
            }
            let code = StreamSocket.pendingError(of: attempt.socket.number)
            guard code != 0 else {
                close()
                connection = attempt
                StreamSocket.disableDelay(attempt.socket.number)
                phase = .open
                return true
            }
            lastFailure = SystemError("connect", code: code)
            race.attemptFailed()
        }
        attempts = running
        return false
    }

    /// Closes the connection, or cancels the attempts.
    func close() {
        connection = nil
        attempts = []
        wakeUp = nil
        phase = .idle
        hasShutDown = false
    }
}

// MARK: - Failures

extension Transport {
    /// Explains a failure.
    ///
    /// - Parameter addresses: The addresses that were tried.
    func describe(_ error: SystemError, of addresses: [SocketAddress]) -> ConnectFailure {
        if case .unix(let path) = endpoint, [ECONNREFUSED, EPROTOTYPE, ENOTSOCK].contains(error.code),
            !Self.isStreamSocket(path, error.code)
        {
            return ConnectFailure(
                reason: "it is not a stream socket",
                advice: "give the path of the socket that the server listens on",
                isTemporary: false
            )
        }
        let service = Self.areLocal(addresses) ? "is the server running (systemctl status reversed)?" : nil
        let advice =
            switch error.code {
            case ECONNREFUSED: service ?? "does the server run there, and listen on this address and port?"
            case ENOENT: "there is no such socket: \(service ?? "")"
            case EACCES: "this user may not write to the socket"
            case ENETUNREACH, EHOSTUNREACH: "check the address and the network"
            case ETIMEDOUT: "check the address, and whether a firewall drops the packets"
            case EAGAIN: "its backlog is full: try again"
            case EINVAL where addresses.contains(where: \.needsZone):
                "a link-local address needs its interface, as in fe80::1%eth0"
            default: error.advice
            }
        let permanent = [EACCES, EPERM, EAFNOSUPPORT, ENAMETOOLONG, EINVAL, ENOTSOCK, EPROTOTYPE]
        return ConnectFailure(
            reason: error.reason,
            advice: advice,
            isTemporary: !permanent.contains(error.code)
        )
    }

    /// Whether all addresses are Unix sockets, loopback or wildcard addresses, that is on this machine.
    private static func areLocal(_ addresses: [SocketAddress]) -> Bool {
        addresses.allSatisfy { address in
            switch address {
            case .unix: true
            case .ipv4(let bytes, _): bytes[0] == 127 || address.isWildcard
            case .ipv6(let bytes, _, _): address.isWildcard || bytes == loopback
            }
        }
    }

    private static let loopback = SIMD16<UInt8>(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)

    /// Whether the path is a stream socket. Another type of socket reports its own error code.
    private static func isStreamSocket(_ path: String, _ code: Int32) -> Bool {
        var status = stat()
        guard unsafe stat(ByteText.bytes(path).map(CChar.init(bitPattern:)) + [0], &status) == 0 else {
            return true
        }
        return status.st_mode & S_IFMT == S_IFSOCK && code != EPROTOTYPE
    }
}

extension SocketAddress {
    /// Whether this is a link-local address (RFC 4291, section 2.5.6) without an interface.
    fileprivate var needsZone: Bool {
        guard case .ipv6(let bytes, _, zone: 0) = self else { return false }
        return bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80
    }
}

// MARK: - An open connection

extension Transport {
    func send(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        outcome("send to \(endpoint)") {
            unsafe Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
        }
    }

    func receive(into bytes: UnsafeMutableRawBufferPointer) -> Outcome {
        let result = outcome("receive from \(endpoint)") {
            unsafe recv(descriptor, bytes.baseAddress, bytes.count, 0)
        }
        if case .bytes(0) = result { return .ended }
        return result
    }

    /// Shuts down the sending side (shutdown(2)), so that the server sees the end of the lines. Does so once.
    func finishSending() {
        guard !hasShutDown else { return }
        hasShutDown = true
        _ = shutdown(descriptor, Int32(SHUT_WR))
    }
}

/// Repeats `body` while a signal interrupts it, and interprets its result like that of read(2) and write(2).
func outcome(_ action: @autoclosure () -> String, _ body: () -> Int) -> Transport.Outcome {
    while true {
        let result = body()
        if result >= 0 { return .bytes(result) }
        switch errno {
        case EINTR: continue
        case EAGAIN: return .blocked
        case let code: return .failed(SystemError(action(), code: code))
        }
    }
}
