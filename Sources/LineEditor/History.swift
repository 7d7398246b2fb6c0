/// The lines entered in this session and in earlier ones, the oldest first.
public struct History: Sendable {
    /// The entries, the newest last.
    public private(set) var entries: [String] = []
    private let file: HistoryFile?
    private let limit: Int
    private var problem: String?
    private var hasFailed = false

    /// Reads the history of earlier sessions. `takeProblem` reports failures.
    ///
    /// - Parameters:
    ///   - path: The file, as the bytes of its name; nil to keep the history in memory only.
    ///   - limit: The number of entries to keep; 0 for none.
    public init(path: [UInt8]?, limit: Int) {
        self.limit = max(0, limit)
        file = limit > 0 ? path.map { HistoryFile(path: $0, limit: limit) } : nil
        do {
            entries = try file?.read() ?? []
        } catch {
            fail(error)
        }
    }

    /// Returns and clears the first problem with the file: a sentence without a full stop.
    public mutating func takeProblem() -> String? {
        defer { problem = nil }
        return problem
    }

    /// Adds a line, unless it is empty or equal to the previous one.
    mutating func add(_ line: String) {
        guard limit > 0, !line.isEmpty, line != entries.last else { return }
        entries.append(line)
        if entries.count > limit { entries.removeFirst() }
        do {
            try file?.add(line)
        } catch {
            fail(error)
        }
    }

    /// Records a problem. Only the first is kept, because the file probably fails in the same way for each line.
    private mutating func fail(_ error: HistoryFile.Failure) {
        if !hasFailed { problem = error.description }
        hasFailed = true
    }
}
