import Glibc

/// The lines entered before, in this session and in earlier ones, the oldest first.
///
/// The file has one line an entry and is readable by its owner only. Sessions at the same time add to it side by side;
/// it is cut to its limit when a session begins.
public struct History: Sendable {
    /// The entries, the newest last.
    public private(set) var entries: [String] = []
    private let path: String?
    private let limit: Int

    /// Reads the history of earlier sessions. A file that cannot be read is as good as an empty one.
    ///
    /// - Parameters:
    ///   - path: The file; nil to keep nothing beyond this session.
    ///   - limit: How many entries to keep; 0 for none at all.
    public init(path: String?, limit: Int) {
        self.path = limit > 0 ? path : nil
        self.limit = max(0, limit)
        guard let path = self.path, let text = Self.read(path) else { return }
        let lines = text.split(separator: "\n").map(String.init)
        entries = Array(lines.suffix(self.limit))
        if lines.count > self.limit { replace() }
    }

    /// Adds a line, unless it is empty or the same as the one before.
    mutating func add(_ line: String) {
        guard limit > 0, !line.isEmpty, line != entries.last else { return }
        entries.append(line)
        if entries.count > limit { entries.removeFirst() }
        guard let path else { return }
        Self.makeDirectory(of: path)
        _ = Self.write(line + "\n", to: path, flags: O_WRONLY | O_CREAT | O_APPEND)
    }

    private func replace() {
        guard let path else { return }
        let new = "\(path).\(getpid())"
        if Self.write(entries.map { $0 + "\n" }.joined(), to: new, flags: O_WRONLY | O_CREAT | O_TRUNC) {
            rename(new, path)
        } else {
            unlink(new)
        }
    }

    private static func makeDirectory(of path: String) {
        var position = path.startIndex
        while let slash = path[position...].dropFirst().firstIndex(of: "/") {
            mkdir(String(path[..<slash]), 0o700)
            position = slash
        }
    }

    private static func read(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 65_536)
        // A history is small; a file that is not one is not read to its end.
        while bytes.count < 16 << 20 {
            let count = Glibc.read(file, &block, block.count)
            guard count > 0 else { break }
            bytes += block.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func write(_ text: String, to path: String, flags: Int32) -> Bool {
        let file = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { return false }
        defer { close(file) }
        let bytes = Array(text.utf8)
        return bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) } == bytes.count
    }
}
