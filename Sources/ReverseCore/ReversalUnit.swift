/// The unit of reversal: its bytes keep their order.
public enum ReversalUnit: String, CaseIterable, Sendable {
    /// Extended grapheme clusters (UAX #29) of Unicode `GraphemeCluster.unicodeVersion`.
    case character
    /// Unicode code points, as `rev` and Python's `str[::-1]`.
    case scalar
    /// Bytes, as Python's `bytes[::-1]`.
    case byte
}
