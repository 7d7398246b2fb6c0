import Sockets

extension ServerConfiguration where Options == None, SessionLimits == None {
    /// Makes a configuration with the default limits, for sessions that have neither options nor limits.
    ///
    /// - Parameter endpoints: Where to listen.
    public init(endpoints: [Endpoint]) {
        self.init(
            listeners: endpoints.map { ListenerConfiguration(endpoint: $0, options: None()) },
            options: None(),
            sessionLimits: None()
        )
    }
}
