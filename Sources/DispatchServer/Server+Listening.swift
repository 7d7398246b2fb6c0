import Dispatch
import Sockets
import Synchronization

extension Server {
    /// Opens every listener of the configuration and begins to accept.
    ///
    /// - Parameters:
    ///   - stored: Listening sockets that the previous process has stored. Those that the configuration contains stay open
    ///     without a gap; the others are closed as in a reload.
    ///   - completion: Called with nil, or with a `ListenError` that names every address that could not be opened. Then no
    ///     address is open.
    public func start(continuing stored: [StoredListener] = [], _ completion: @escaping Completion) {
        adoptStored(stored)
        resolve(state.withLock { $0.configuration.listeners }, completion) { [self] plans in
            try listeners.replace(with: plans)
            startTimers()
        }
    }

    /// Adopts listening sockets that were handed in, instead of opening those of the configuration, and begins to accept.
    ///
    /// A socket with the port or the path of a configured listener gets its options, any other the options of the
    /// configuration.
    ///
    /// - Parameters:
    ///   - descriptors: Listening stream sockets, owned by the server from now on. If there are none, the listeners of the
    ///     configuration are opened.
    ///   - stored: Listening sockets that the previous process has stored. If there are `descriptors`, all of them are closed as in
    ///     a reload.
    ///   - completion: Called with nil, or with a `SystemError` for a descriptor that cannot be used.
    public func start(
        adopting descriptors: [Int32],
        continuing stored: [StoredListener] = [],
        _ completion: @escaping Completion
    ) {
        guard !descriptors.isEmpty else { return start(continuing: stored, completion) }
        adoptStored(stored)
        core.control.async { [self] in
            do {
                try listeners.adopt(descriptors, sessions: sessions(of: state.withLock { $0.configuration }))
                startTimers()
                completion(nil)
            } catch {
                completion(error)
            }
        }
    }

    private func adoptStored(_ stored: [StoredListener]) {
        guard !stored.isEmpty else { return }
        core.control.async { [self] in
            // A socket that the configuration does not contain uses the general options while it leaves.
            let (options, proxyProtocol) = state.withLock {
                ($0.configuration.options, $0.configuration.proxyProtocol)
            }
            listeners.adoptStored(stored, sessions: sessionMaker(options, proxyProtocol))
        }
    }

    /// Applies a new configuration, in the order of the calls: new listeners open before old ones close, connections stay, new
    /// limits hold at once. Sockets that were handed in stay.
    ///
    /// - Parameters:
    ///   - configuration: The whole new configuration.
    ///   - completion: Called with nil, or with a `ListenError`; then nothing has changed.
    public func reload(_ configuration: Configuration, _ completion: @escaping Completion) {
        let resolved = listeners.areHandedIn ? [] : configuration.listeners
        resolve(resolved, completion) { [self] plans in
            let outcome = try makeDescriptors(for: configuration)
            if listeners.areHandedIn {
                listeners.setSessions(sessions(of: configuration))
            } else {
                try listeners.replace(with: plans)
            }
            use(outcome, for: configuration)
            state.withLock { $0.configuration = configuration }
            sessionLimits.replace(with: configuration.sessionLimits)
            core.currentLimits = configuration.limits
            core.log.setLogsConnections(configuration.logsConnections)
            listeners.setStoring(configuration.isHandedOver)
        }
    }

    /// Resolves names on the resolver's queue, then calls `apply` on the control queue.
    private func resolve(
        _ listeners: [ListenerConfiguration<S.Options>],
        _ completion: @escaping Completion,
        _ apply: @escaping @Sendable ([ListenerPlan]) throws -> Void
    ) {
        let requests = listeners.map {
            ListenerRequest(
                endpoint: $0.endpoint,
                ipv6Only: $0.ipv6Only,
                mode: $0.mode,
                makeSession: sessionMaker($0.options, $0.proxyProtocol)
            )
        }
        resolver.async { [self] in
            let plans = Result { try ListenerPlan.resolve(requests) }
            core.control.async { [self] in
                guard !state.withLock({ $0.isDraining || $0.isHandingOver }) else {
                    return completion(StoppingError())
                }
                do {
                    try apply(plans.get())
                    completion(nil)
                } catch {
                    completion(error)
                }
            }
        }
    }

    private func sessionMaker(_ options: S.Options, _ proxyProtocol: ProxyProtocol) -> SessionMaker {
        SessionMaker(proxyProtocol) { [makeSession] in makeSession(options) }
    }

    /// How to make sessions on a socket that was handed in: with the options of the listener that has its port or path.
    private func sessions(of configuration: Configuration) -> (SocketAddress) -> SessionMaker {
        { [self] address in
            let match = configuration.listeners.first { listener in
                switch (listener.endpoint, address) {
                case (.internet(_, let port), .ipv4), (.internet(_, let port), .ipv6): port == address.port
                case (.unix(let path), .unix(let bound)): path == bound
                default: false
                }
            }
            return sessionMaker(
                match?.options ?? configuration.options,
                match?.proxyProtocol ?? configuration.proxyProtocol
            )
        }
    }
}
