/// The header that a load balancer sends before the bytes of the client, and what must follow from it.
public struct ProxyPlan {
    /// How many bytes the header has.
    public var length: Int
    /// Whether it is valid. An invalid one ends the connection without an answer.
    public var isValid: Bool
    /// Whether the listener trusts the balancer. Otherwise the connection is refused before anything is received.
    public var isTrusted: Bool
    /// The client; nil if the balancer itself is the client.
    public var client: Address?

    public init(length: Int, isValid: Bool, isTrusted: Bool, client: Address?) {
        self.length = length
        self.isValid = isValid
        self.isTrusted = isTrusted
        self.client = client
    }
}
