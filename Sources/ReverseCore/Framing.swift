/// How the stream of a client is divided into requests.
public enum Framing: String, CaseIterable, Sendable {
    /// A request is the bytes up to LF; the answer ends with the same terminator (LF, or CR LF).
    case line
    /// A request is the bytes of one receive, at most 1,024, as in the original Python server.
    case chunk
}
