import Glibc
import Sockets

/// The control groups of this process (cgroups(7)).
enum CGroup {
    /// What the files of these names hold, in the process's groups and in those on the way to the root. Nothing where there
    /// is none or it cannot be read.
    static func values(of names: [String]) -> [String] {
        let lines = text(of: "/proc/self/cgroup")?.split(separator: "\n") ?? []
        return lines.flatMap { line -> [String] in
            // A number, the controllers of version 1, and a path.
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { return [] }
            let root = "/sys/fs/cgroup" + (fields[1].isEmpty ? "" : "/\(fields[1])")
            return paths(to: fields[2]).flatMap { path in
                names.compactMap { text(of: "\(root)\(path)/\($0)") }
            }
        }
    }

    /// The path and those of its parents, `/a/b` and `/a` and an empty one.
    private static func paths(to path: Substring) -> [Substring] {
        var path = path == "/" ? "" : path
        var paths = [path]
        while let slash = path.lastIndex(of: "/") {
            path = path[..<slash]
            paths.append(path)
        }
        return paths
    }

    /// The beginning of a small file, nil where there is none.
    static func text(of path: String) -> String? {
        let number = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard number >= 0 else { return nil }
        let file = Descriptor(owning: number)
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(file.number, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
