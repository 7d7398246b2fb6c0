import CLinux
import Glibc
import Synchronization

/// One question to the resolver, asked on a thread of its own: getaddrinfo(3) blocks for as long as the name service
/// likes and cannot be ended. The caller can poll for the answer, or leave.
public final class NameLookup: Sendable {
    private let endpoint: Endpoint
    private let answer = Mutex<Result<[SocketAddress], ResolutionError>?>(nil)
    private let event: Descriptor

    /// Begins to look up the addresses of `endpoint`.
    ///
    /// - Throws: `SystemError` when there is no descriptor or no thread to be had.
    public init(of endpoint: Endpoint) throws(SystemError) {
        self.endpoint = endpoint
        let number = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard number >= 0 else { throw SystemError("look up \(endpoint)") }
        event = Descriptor(owning: number)
        try startThread()
    }

    /// The descriptor that is readable once there is an answer.
    public var descriptor: Int32 { event.number }

    /// The answer; nil while there is none.
    public var result: Result<[SocketAddress], ResolutionError>? { answer.withLock { $0 } }

    private func startThread() throws(SystemError) {
        // Signals belong to the thread that asked: its poll(2) is to be interrupted, not the resolver's.
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }

        var thread = pthread_t()
        let own = Unmanaged.passRetained(self)
        let code = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<NameLookup>.fromOpaque(argument).takeRetainedValue().ask()
                return nil
            },
            own.toOpaque()
        )
        guard code == 0 else {
            own.release()
            throw SystemError("start a thread that looks up \(endpoint)", code: code)
        }
        pthread_detach(thread)
    }

    private func ask() {
        let result: Result<[SocketAddress], ResolutionError>
        do {
            result = .success(try endpoint.resolve())
        } catch let error as ResolutionError {
            result = .failure(error)
        } catch {
            result = .failure(ResolutionError(host: "\(endpoint)", code: EAI_FAIL, systemCode: 0))
        }
        answer.withLock { $0 = result }
        var one: UInt64 = 1
        _ = write(event.number, &one, MemoryLayout<UInt64>.size)
    }
}

extension Endpoint {
    /// The address that the endpoint is written as: a path, or an IPv4 or IPv6 address without a zone (inet_pton(3)).
    /// Nil for a name, and for what only the resolver understands.
    public var literalAddress: SocketAddress? {
        guard case .internet(let host, let port) = self else {
            if case .unix(let path) = self { return .unix(path: path) }
            return nil
        }
        var four = SIMD4<UInt8>()
        if inet_pton(AF_INET, host, &four) == 1 { return .ipv4(four, port: port) }
        var six = SIMD16<UInt8>()
        if inet_pton(AF_INET6, host, &six) == 1 { return .ipv6(six, port: port, zone: 0) }
        return nil
    }
}
