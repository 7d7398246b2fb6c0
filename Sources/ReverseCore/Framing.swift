/// What makes a request: where the stream of a client is cut.
public enum Framing: String, CaseIterable, Sendable {
    /// A request is the bytes up to LF; the answer ends with the same terminator (LF, or CR LF).
    case line
    /// A request is whatever one receive brought, cut at 1,024 bytes, as the original Python server did.
    case chunk
}
