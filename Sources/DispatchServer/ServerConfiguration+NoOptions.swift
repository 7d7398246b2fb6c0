import Sockets

extension ServerConfiguration where Options == NoOptions, SessionLimits == NoOptions {
    /// Makes a configuration with the default limits, for sessions that have neither options nor limits.
    ///
    /// - Parameter endpoints: Where to listen.
    public init(endpoints: [Endpoint]) {
        self.init(
            listeners: endpoints.map { ListenerConfiguration(endpoint: $0, options: NoOptions()) },
            options: NoOptions(),
            sessionLimits: NoOptions()
        )
    }
}
