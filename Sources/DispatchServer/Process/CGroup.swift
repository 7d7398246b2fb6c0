import Glibc
import Sockets

/// The control groups of this process (cgroups(7)).
enum CGroup {
    /// The contents of the files with these names, in the groups of the process and all their parents. Files that do not exist
    /// or cannot be read are left out.
    static func values(of names: [String]) -> [String] {
        let lines = text(of: "/proc/self/cgroup")?.split(separator: "\n") ?? []
        return lines.flatMap { line -> [String] in
            // A line has a number, the controllers (version 1 only), and a path.
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { return [] }
            let root = "/sys/fs/cgroup" + (fields[1].isEmpty ? "" : "/\(fields[1])")
            return paths(to: fields[2]).flatMap { path in
                names.compactMap { text(of: "\(root)\(path)/\($0)") }
            }
        }
    }

    /// The path and those of its parents: `/a/b`, `/a` and the empty path.
    private static func paths(to path: Substring) -> [Substring] {
        var path = path == "/" ? "" : path
        var paths = [path]
        while let slash = path.lastIndex(of: "/") {
            path = path[..<slash]
            paths.append(path)
        }
        return paths
    }

    /// The first 4 KiB of a file; nil if it cannot be read.
    static func text(of path: String) -> String? {
        let number = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard number >= 0 else { return nil }
        let file = Descriptor(owning: number)
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = unsafe read(file.number, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
