import CLinux
import Glibc
import Synchronization

/// One name lookup on a separate thread: getaddrinfo(3) blocks until the name service answers, and cannot be cancelled. The
/// caller can poll for the answer, or drop the lookup.
public final class NameLookup: Sendable {
    private let endpoint: Endpoint
    private let answer = Mutex<Result<[SocketAddress], ResolutionError>?>(nil)
    private let event: Descriptor

    /// Starts to look up the addresses of `endpoint`.
    ///
    /// - Throws: `SystemError` if the system refuses a descriptor or a thread.
    public init(of endpoint: Endpoint) throws(SystemError) {
        self.endpoint = endpoint
        let number = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard number >= 0 else { throw SystemError("look up \(endpoint)") }
        event = Descriptor(owning: number)
        try startThread()
    }

    /// A descriptor that becomes readable when the answer is there.
    public var descriptor: Int32 { event.number }

    /// The answer; nil until it is there.
    public var result: Result<[SocketAddress], ResolutionError>? { answer.withLock { $0 } }

    private func startThread() throws(SystemError) {
        // Block signals in the new thread: they must interrupt the poll(2) of the caller, not that of the resolver.
        var all = sigset_t()
        var before = sigset_t()
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }

        var thread = pthread_t()
        let own = unsafe Unmanaged.passRetained(self)
        let code = unsafe pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<NameLookup>.fromOpaque(argument).takeRetainedValue().ask()
                return nil
            },
            unsafe own.toOpaque()
        )
        guard code == 0 else {
            unsafe own.release()
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
        _ = unsafe write(event.number, &one, MemoryLayout<UInt64>.size)
    }
}

extension Endpoint {
    /// The address of an endpoint that needs no resolver: a path, or an IPv4 or IPv6 address without a zone (inet_pton(3)). Nil
    /// otherwise.
    public var literalAddress: SocketAddress? {
        guard case .internet(let host, let port) = self else {
            if case .unix(let path) = self { return .unix(path: path) }
            return nil
        }
        var four = SIMD4<UInt8>()
        if unsafe inet_pton(AF_INET, host, &four) == 1 { return .ipv4(four, port: port) }
        var six = SIMD16<UInt8>()
        if unsafe inet_pton(AF_INET6, host, &six) == 1 { return .ipv6(six, port: port, zone: 0) }
        return nil
    }
}
