/// The lines entered before, in this session and in earlier ones, the oldest first.
public struct History: Sendable {
    /// The entries, the newest last.
    public private(set) var entries: [String] = []
    private let file: HistoryFile?
    private let limit: Int
    private var problem: String?
    private var hasFailed = false

    /// Reads the history of earlier sessions. What goes wrong is left for `takeProblem`.
    ///
    /// - Parameters:
    ///   - path: The file; nil to keep nothing beyond this session.
    ///   - limit: How many entries to keep; 0 for none at all.
    public init(path: String?, limit: Int) {
        self.limit = max(0, limit)
        file = limit > 0 ? path.map { HistoryFile(path: $0, limit: limit) } : nil
        do {
            entries = try file?.read() ?? []
        } catch {
            fail(error)
        }
    }

    /// The first thing that went wrong with the file since the last question: a sentence, without a full stop.
    public mutating func takeProblem() -> String? {
        defer { problem = nil }
        return problem
    }

    /// Adds a line, unless it is empty or the same as the one before.
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

    /// Notes a problem. One is enough: the file is likely to fail in the same way for each line.
    private mutating func fail(_ error: HistoryFile.Failure) {
        if !hasFailed { problem = error.description }
        hasFailed = true
    }
}
