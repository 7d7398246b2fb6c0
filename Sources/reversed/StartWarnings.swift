import Dispatch
import DispatchServer
import Glibc
import MetricsExport
import ReverseCore
import Settings
import Sockets
import Synchronization

/// Finds problems of valid settings that appear when the daemon starts.
struct StartWarnings {
    let rights: ProcessRights
    /// How long the resolver may take for all hosts.
    var resolverTimeout: DispatchTimeInterval = .seconds(5)

    /// Returns one sentence for each problem. Calls the resolver, and tries to open listeners.
    func warnings(for settings: Settings) -> [String] {
        // If systemd listens, host, port and path are not used.
        var listeners = rights.activeSocketUnit == nil ? settings.server.listeners : []
        if let endpoint = settings.metrics.endpoint {
            listeners.append(ListenerConfiguration(endpoint: endpoint, options: ReversalOptions()))
        }
        let deadline = DispatchTime.now() + resolverTimeout
        let file = settings.metrics.file.flatMap { file in
            (directory(of: file) ?? kind(ofMetricsAt: file)).map { "\(file): \($0)" }
        }
        return [connections(settings), file, sameFile(listeners)].compactMap { $0 }
            + listeners.flatMap { listener in
                hints(for: [listener]) + [address(listener, deadline)].compactMap { $0 }
            }
    }

    /// The problems of listeners that can be found without the resolver, for a start that has failed.
    func hints(for listeners: [ListenerConfiguration<ReversalOptions>]) -> [String] {
        listeners.compactMap { listener in
            let endpoint = listener.endpoint
            let problem =
                switch endpoint {
                case .internet(_, let port): privilege(port)
                case .unix(let path): directory(of: path) ?? kind(ofSocketAt: path)
                }
            return problem.map { "\(endpoint): \($0)" }
        }
    }

    /// The process or unit, at the beginning of a sentence.
    private var subject: String { rights.unit ?? "this process" }

    private func connections(_ settings: Settings) -> String? {
        let asked = settings.server.limits.maximumConnections
        let fit =
            DescriptorLimit.connections(
                within: rights.openFiles,
                listeners: 4 * settings.server.listeners.count,
                // Standard input, output and error, and descriptors from systemd or a shell.
                open: 3
            ) ?? 0
        guard fit < asked else { return nil }
        return """
            limits.max_connections is \(asked), but \(subject) may have \(rights.openFiles) files open \
            (\(rights.unit == nil ? "ulimit -Hn" : "LimitNOFILE=")): only \(fit) clients are served at once
            """
    }

    private func privilege(_ port: UInt16) -> String? {
        guard port != 0, port < rights.lowestPort else { return nil }
        return """
            \(subject) may not listen on a port below \(rights.lowestPort) (CAP_NET_BIND_SERVICE); for the service \
            /usr/share/doc/reversed/examples/privileged-port.conf gives it, or choose a higher port
            """
    }

    private func address(_ listener: ListenerConfiguration<ReversalOptions>, _ deadline: DispatchTime)
        -> String?
    {
        let endpoint = listener.endpoint
        guard case .internet = endpoint else { return nil }
        let addresses: [SocketAddress]
        do {
            guard let found = try resolve(endpoint, deadline) else {
                return "\(endpoint): the resolver does not answer; the daemon waits for it when it starts"
            }
            addresses = found
        } catch {
            return "\(endpoint): \(error)"
        }
        // A name may have addresses that this machine lacks; one usable address is enough.
        var problem: SystemError?
        for address in addresses {
            do {
                _ = try StreamSocket.listen(on: address.with(port: 0))
                return nil
            } catch let error as SystemError {
                problem = error
            } catch {}
        }
        guard let problem, [EADDRNOTAVAIL, EAFNOSUPPORT].contains(problem.code) else { return nil }
        return "\(endpoint): \(problem.advice)"
    }

    private func resolve(_ endpoint: Endpoint, _ deadline: DispatchTime) throws -> [SocketAddress]? {
        let answer = Answer()
        DispatchQueue.global().async {
            let result = Result { try endpoint.resolve(passive: true) }
            answer.result.withLock { $0 = result }
            answer.isThere.signal()
        }
        guard answer.isThere.wait(timeout: deadline) == .success else { return nil }
        return try answer.result.withLock { $0 }?.get()
    }

    /// The answer of the resolver. It may arrive after the timeout.
    private final class Answer: Sendable {
        let result = Mutex<Result<[SocketAddress], any Error>?>(nil)
        let isThere = DispatchSemaphore(value: 0)
    }

    /// Two paths of one file, which `..` or a symbolic link hides from the check of the settings.
    private func sameFile(_ listeners: [ListenerConfiguration<ReversalOptions>]) -> String? {
        var known: [PathIdentity: String] = [:]
        for case .unix(let path) in listeners.map(\.endpoint) {
            guard let identity = PathIdentity(path) else { continue }
            if let other = known[identity] {
                return "\(path): it is the same file as \(other); take one of them out"
            }
            known[identity] = path
        }
        return nil
    }

    private func kind(ofSocketAt path: String) -> String? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFSOCK else { return nil }
        return "there is a file that is not a socket; move it away or choose another path"
    }

    private func kind(ofMetricsAt path: String) -> String? {
        TextFile(path: path).isOfAnotherKind
            ? "there is a file that is not a regular one; choose another path" : nil
    }

    private func directory(of path: String) -> String? {
        let directory = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        func isWithin(_ parent: String) -> Bool { directory == parent || directory.hasPrefix(parent + "/") }

        // systemd creates these when it starts the service.
        if rights.runtimeDirectories.contains(directory) { return nil }
        let better = rights.runtimeDirectories.first.map { "; the service's own directory is \($0)" } ?? ""
        if rights.hasPrivateTemporaryFiles, isWithin("/tmp") || isWithin("/var/tmp") {
            return
                "the service has a private /tmp (PrivateTmp=), where clients cannot reach the socket\(better)"
        }
        var status = stat()
        guard unsafe stat(directory.isEmpty ? "/" : directory, &status) == 0 else {
            return "the directory \(directory) does not exist\(better)"
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { return "\(directory) is not a directory\(better)" }
        if let writable = rights.writableDirectories, !writable.contains(where: isWithin) {
            return "\(subject) may not write to \(directory) (ProtectSystem=, ReadWritePaths=)\(better)"
        }
        if rights.unit == nil, unsafe access(directory.isEmpty ? "/" : directory, W_OK) != 0 {
            return "\(subject) may not write to \(directory)\(better)"
        }
        return nil
    }
}
