import CLinux
import Glibc
import Sockets

/// How many processors this process may use.
enum Processors {
    /// The processors of its affinity mask (sched_getaffinity(2)), or fewer where a cgroup has a quota (`cpu.max`). At
    /// least 1.
    static func available() -> Int {
        let affinity = max(1, Int(linux_processor_count()))
        guard let quota = cgroupQuota() else { return affinity }
        return max(1, min(affinity, quota))
    }

    /// The quota of the process's cgroup, rounded up to whole processors: the smallest on the way to the root, nil where
    /// there is none or it cannot be read.
    private static func cgroupQuota() -> Int? {
        guard
            let line = readText("/proc/self/cgroup")?.split(separator: "\n").first(where: {
                $0.hasPrefix("0::/")
            })
        else { return nil }
        var path = line.dropFirst(3)
        var smallest: Int?
        while true {
            if let text = readText("/sys/fs/cgroup\(path)/cpu.max"), let quota = processors(inQuota: text) {
                smallest = min(smallest ?? quota, quota)
            }
            guard let slash = path.lastIndex(of: "/") else { return smallest }
            path = path[..<slash]
        }
    }

    /// Reads a `cpu.max`: microseconds of processor time in a period of microseconds, or `max` for no quota.
    static func processors(inQuota text: String) -> Int? {
        let fields = text.split { $0 == " " || $0 == "\n" }
        guard fields.count == 2, let quota = UInt32(fields[0]), let period = UInt32(fields[1]), period > 0
        else {
            return nil
        }
        return max(1, (Int(quota) + Int(period) - 1) / Int(period))
    }

    private static func readText(_ path: String) -> String? {
        let number = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard number >= 0 else { return nil }
        let file = Descriptor(owning: number)
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(file.number, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
