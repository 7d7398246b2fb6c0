import CLoad
import Foundation

/// A server that may consist of several processes: all processes of the session that its first one leads.
enum Session {
    /// CPU time in nanoseconds: exact for running processes, in whole clock ticks for children that have ended.
    static func cpuTime(of leader: pid_t) -> Int64 {
        let tick = Int64(1_000_000_000 / sysconf(Int32(_SC_CLK_TCK)))
        return members(of: leader).reduce(0) { sum, member in
            sum + max(0, cload_cpu_time(member.process)) + member.endedChildrenTicks * tick
        }
    }

    private struct Member {
        let process: pid_t
        let endedChildrenTicks: Int64
    }

    private static func members(of leader: pid_t) -> [Member] {
        guard let directory = opendir("/proc") else { return [] }
        defer { closedir(directory) }
        var members: [Member] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let process = pid_t(name), let fields = fields(of: process), fields[3] == "\(leader)" else {
                continue
            }
            members.append(
                Member(
                    process: process,
                    endedChildrenTicks: (Int64(fields[13]) ?? 0) + (Int64(fields[14]) ?? 0)
                )
            )
        }
        return members
    }

    /// The fields of /proc/PID/stat that follow the name, from `state` (0) on: 3 is the session, 13 and 14 the times
    /// of children that were waited for.
    private static func fields(of process: pid_t) -> [Substring]? {
        guard let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let name = stat.lastIndex(of: ")")
        else { return nil }
        let fields = stat[stat.index(after: name)...].split(separator: " ")
        return fields.count > 14 ? fields : nil
    }
}
