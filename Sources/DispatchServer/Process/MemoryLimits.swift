import Glibc

/// How much memory this process may have.
enum MemoryLimits {
    /// The smallest of the limits of its cgroups and the rest of its address space (`RLIMIT_AS`, `RLIMIT_DATA`); `Int.max` if
    /// there is no limit.
    static func available() -> Int {
        // At `memory.high` the process is slowed down, at `memory.max` it is killed. The last file is that of version 1.
        let files = ["memory.high", "memory.max", "memory.limit_in_bytes"]
        let limits = CGroup.values(of: files).compactMap { bytes(in: $0) }
        return (limits + [leftOfAddressSpace]).min() ?? .max
    }

    /// Reads a limit of a cgroup: a number of bytes, or `max` for none.
    static func bytes(in text: String) -> Int? { Int(text.prefix { $0 != "\n" }) }

    private static var leftOfAddressSpace: Int {
        let limits = [RLIMIT_AS, RLIMIT_DATA].map { resource -> Int in
            var limit = rlimit()
            guard unsafe getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0 else { return .max }
            return Int(clamping: limit.rlim_cur)
        }
        guard let least = limits.min(), least < .max else { return .max }
        let pages = CGroup.text(of: "/proc/self/statm").flatMap { Int($0.prefix { $0 != " " }) } ?? 0
        return max(0, least - pages * sysconf(Int32(_SC_PAGESIZE)))
    }
}
