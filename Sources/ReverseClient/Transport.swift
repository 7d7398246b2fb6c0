import Glibc
import Sockets

/// A stream socket to an endpoint: resolves it, tries its addresses one after the other, sends and receives without
/// ever blocking (except in the resolver).
final class Transport {
    enum Phase { case idle, connecting, open }

    /// What a read or a write brought.
    enum Outcome {
        case bytes(Int)
        case blocked
        case ended
        case failed(SystemError)
    }

    /// No address answered.
    struct ConnectFailure: Error {
        var reason: String
        var advice: String
        /// Whether the same may succeed a little later.
        var mayPass: Bool
    }

    let endpoint: Endpoint
    private(set) var phase = Phase.idle
    private var socket: Descriptor?
    private var addresses: ArraySlice<SocketAddress> = []
    private var hasShutDown = false

    private let resolve: () throws -> [SocketAddress]

    init(endpoint: Endpoint, resolve: (() throws -> [SocketAddress])? = nil) {
        self.endpoint = endpoint
        self.resolve = resolve ?? { try endpoint.resolve() }
    }

    /// The descriptor to poll; -1, which poll(2) leaves out, when there is none.
    var descriptor: Int32 { socket?.number ?? -1 }

    /// Resolves the endpoint and begins to connect to its first address.
    func connect() throws(ConnectFailure) {
        close()
        do {
            addresses = try resolve()[...]
        } catch let error as ResolutionError {
            throw ConnectFailure(
                reason: error.description,
                advice: error.isTemporary ? "the name service does not answer: try again" : "check the name",
                mayPass: error.isTemporary
            )
        } catch {
            throw ConnectFailure(reason: "\(error)", advice: "", mayPass: false)
        }
        try tryNext(after: nil)
    }

    /// To be called when the connecting socket became writable: the phase is open afterwards, or still connecting, to
    /// the next address.
    func finishConnecting() throws(ConnectFailure) {
        let code = StreamSocket.pendingError(of: descriptor)
        guard code != 0 else {
            StreamSocket.disableDelay(descriptor)
            phase = .open
            return
        }
        try tryNext(after: SystemError("connect", code: code))
    }

    /// Whether the attempt that goes on is not the last one.
    var hasMoreAddresses: Bool { !addresses.isEmpty }

    /// Leaves the address that does not answer for the next one.
    func connectToNextAddress() throws(ConnectFailure) {
        socket = nil
        try tryNext(after: SystemError("connect", code: ETIMEDOUT))
    }

    private func tryNext(after failure: SystemError?) throws(ConnectFailure) {
        var failure = failure
        while let address = addresses.popFirst() {
            do {
                socket = try StreamSocket.connect(to: address)
                phase = .connecting
                return
            } catch let error as SystemError {
                failure = error
            } catch {
                failure = SystemError("connect", code: EINVAL)
            }
        }
        close()
        throw describe(failure ?? SystemError("connect", code: EADDRNOTAVAIL))
    }

    private func describe(_ error: SystemError) -> ConnectFailure {
        let advice =
            switch error.code {
            case ECONNREFUSED: "is the server running there (systemctl status reversed)?"
            case ENOENT: "there is no such socket: is the server running (systemctl status reversed)?"
            case EACCES: "this user may not open the socket"
            case ENETUNREACH, EHOSTUNREACH: "check the address and the network"
            case ETIMEDOUT: "check the address, and that no firewall stands between"
            case EAGAIN: "its backlog is full: try again"
            default: error.advice
            }
        let permanent = [EACCES, EPERM, EAFNOSUPPORT, ENAMETOOLONG, EINVAL, ENOTSOCK, EPROTOTYPE]
        return ConnectFailure(reason: error.reason, advice: advice, mayPass: !permanent.contains(error.code))
    }

    func send(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        outcome("send to \(endpoint)") {
            Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
        }
    }

    func receive(into bytes: UnsafeMutableRawBufferPointer) -> Outcome {
        let result = outcome("receive from \(endpoint)") {
            recv(descriptor, bytes.baseAddress, bytes.count, 0)
        }
        if case .bytes(0) = result { return .ended }
        return result
    }

    /// Tells the server that no more lines will come (shutdown(2)); once is enough.
    func finishSending() {
        guard !hasShutDown else { return }
        hasShutDown = true
        _ = shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Lets go of the connection, or of the attempt.
    func close() {
        socket = nil
        phase = .idle
        hasShutDown = false
    }
}

/// Calls `body` until no signal interrupts it and reads its result as read(2) and write(2) give it.
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
