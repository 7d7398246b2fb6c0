import Sockets
import Synchronization

// How many clients are served at once: as many as are configured, or as fit the limit on open files.

extension Server {
    /// Raises the limit on open files, as far as possible. The number of slots does not change.
    ///
    /// - Parameters:
    ///   - clients: How many clients must fit.
    ///   - open: How many descriptors are open for other purposes.
    /// - Throws: `SetupError` if not a single client fits.
    static func raiseDescriptorLimit(
        for configuration: Configuration,
        clients: Int,
        open: Int
    ) throws(SetupError) -> DescriptorLimit.Outcome {
        // Times 4: a name may have an IPv4 and an IPv6 address, and during a reload the old listeners are still open.
        let outcome = DescriptorLimit.raise(
            forConnections: clients,
            listeners: 4 * configuration.listeners.count,
            open: open
        )
        if let outcome { return outcome }
        throw SetupError(
            description:
                "the limit on open files is too low to serve a client; raise LimitNOFILE= or ulimit -n"
        )
    }

    /// Raises the limit on open files as the configuration needs it. The number of slots does not change.
    func makeDescriptors(for configuration: Configuration) throws(SetupError) -> DescriptorLimit.Outcome {
        let clients = configuration.limits.maximumConnections
        return try Self.raiseDescriptorLimit(for: configuration, clients: clients, open: openAtStart)
    }

    /// Raises the limit on open files for this many connections. Returns how many fit.
    func makeDescriptors(forConnections wanted: Int) -> Int {
        let configuration = state.withLock { $0.configuration }
        let clients = max(wanted, configuration.limits.maximumConnections)
        let outcome = try? Self.raiseDescriptorLimit(for: configuration, clients: clients, open: openAtStart)
        return outcome?.maximumConnections ?? 0
    }

    /// Makes as many slots as the descriptor limit allows.
    func use(_ outcome: DescriptorLimit.Outcome, for configuration: Configuration) {
        core.connections.setCapacity(
            outcome.maximumConnections,
            perClient: configuration.limits.connectionsPerClient
        )
        let wanted = configuration.limits.maximumConnections
        guard outcome.maximumConnections < wanted else { return }
        core.log.noteFewerSlots(outcome.maximumConnections, wanted: wanted, descriptors: outcome.descriptors)
    }

    /// Adds slots for the clients in the backlogs of a stopping server, as far as the descriptor limit allows. With all slots in
    /// use they would wait until other connections have lingered, and be cut off in the end.
    func makeSlotsForBacklogs() {
        let configured = state.withLock { $0.configuration.limits.maximumConnections }
        let listening = listeners.addresses.count
        let outcome = DescriptorLimit.raise(
            forConnections: configured + Int(StreamSocket.maximumBacklog) * listening,
            listeners: listening,
            open: openAtStart
        )
        // Without a limit per client: these clients are connected already, and a refusal would be a RST.
        if let outcome { core.connections.setCapacity(outcome.maximumConnections) }
    }
}
