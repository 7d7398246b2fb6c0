import CLinux

/// How many processors this process may use.
enum Processors {
    /// The processors of its affinity mask (sched_getaffinity(2)), or fewer if a cgroup has a quota (`cpu.max`). At least 1.
    static func available() -> Int {
        let affinity = max(1, Int(linux_processor_count()))
        let quotas = CGroup.values(of: ["cpu.max"]).compactMap { processors(inQuota: $0) }
        return max(1, min(affinity, quotas.min() ?? affinity))
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
}
