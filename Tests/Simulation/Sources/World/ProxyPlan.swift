/// What a client's load balancer sends before the bytes of the client, and what must follow from it.
public struct ProxyPlan {
    /// How many bytes the header has.
    public var length: Int
    /// Whether it is right. A wrong one ends the connection, and nothing is answered.
    public var isValid: Bool
    /// Whether the listener believes the balancer. One that it does not believe is refused unheard.
    public var isTrusted: Bool
    /// The client; nil where the balancer speaks for itself.
    public var client: Address?

    public init(length: Int, isValid: Bool, isTrusted: Bool, client: Address?) {
        self.length = length
        self.isValid = isValid
        self.isTrusted = isTrusted
        self.client = client
    }
}
