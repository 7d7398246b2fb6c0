import Glibc

/// Counts the reads in a row that found nothing although poll(2) announced input. Another reader of the terminal may have taken
/// it, but not always.
public struct EmptyReads {
    private static let most = 100

    private var count = 0

    /// Starts at none.
    public init() {}

    /// Call it after each read(2). Returns whether to call poll(2) again, because the read found nothing; then it has waited 10 ms,
    /// so that an error that lasts keeps no processor busy.
    ///
    /// - Parameter result: The result of read(2); a failure is in `errno`.
    public mutating func mustPollAgain(after result: Int) -> Bool {
        guard result < 0, errno == EAGAIN, count < Self.most else {
            count = 0
            return false
        }
        count += 1
        poll(nil, 0, 10)
        return true
    }
}
