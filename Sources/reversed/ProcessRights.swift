import CLinux
import Glibc
import Systemd

/// The rights of the daemon: those of this process, or those of the service as its unit sets them.
struct ProcessRights {
    /// The name of the unit; nil for this process.
    var unit: String?
    /// The lowest port that it may listen on.
    var lowestPort: UInt16
    /// The maximum number of open files (the hard limit of RLIMIT_NOFILE).
    var openFiles: UInt64
    /// Directories that systemd creates for the service, such as `/run/reversed`.
    var runtimeDirectories: [String] = []
    /// The only directories that it may write to; nil if only file permissions restrict it.
    var writableDirectories: [String]?
    /// Whether its `/tmp` and `/var/tmp` are private, so that clients cannot reach a socket there.
    var hasPrivateTemporaryFiles = false
    /// Whether systemd listens instead: a socket unit of the service is active.
    var activeSocketUnit: String?
}

extension ProcessRights {
    /// CAP_NET_BIND_SERVICE, see capabilities(7).
    private static let bindService: UInt64 = 1 << 10

    /// The rights of this process, including those from systemd (RUNTIME_DIRECTORY, see systemd.exec(5)).
    static var ofThisProcess: ProcessRights {
        let directories = Environment.process["RUNTIME_DIRECTORY"] ?? ""
        return ProcessRights(
            lowestPort: effectiveCapabilities & bindService != 0 ? 0 : firstUnprivilegedPort,
            openFiles: openFilesLimit,
            runtimeDirectories: directories.split(separator: ":").map(String.init),
            hasPrivateTemporaryFiles: ProcFile.read("/proc/self/mountinfo")?.contains("/systemd-private-")
                == true
        )
    }

    /// The rights of a service; nil if the service manager does not know it.
    init?(unit name: String) {
        guard let unit = SystemdUnit(name) else { return nil }
        let isRoot = unit.flag("DynamicUser") != true && ["", "root", "0"].contains(unit.text("User") ?? "")
        // A capability in a private user namespace does not apply to the ports of the machine.
        let capabilities =
            unit.flag("PrivateUsers") == true
            ? 0 : unit.number(isRoot ? "CapabilityBoundingSet" : "AmbientCapabilities") ?? 0
        self.init(
            unit: name,
            lowestPort: capabilities & Self.bindService != 0 ? 0 : Self.firstUnprivilegedPort,
            openFiles: unit.number("LimitNOFILE") ?? .max
        )
        runtimeDirectories = (unit.texts("RuntimeDirectory") ?? []).map { "/run/" + $0 }
        hasPrivateTemporaryFiles = unit.flag("PrivateTmp") == true
        if unit.text("ProtectSystem") == "strict" {
            let kept = [
                "StateDirectory": "/var/lib/", "CacheDirectory": "/var/cache/", "LogsDirectory": "/var/log/",
            ]
            let own = kept.flatMap { name, parent in (unit.texts(name) ?? []).map { parent + $0 } }
            let asked = (unit.texts("ReadWritePaths") ?? []).map { String($0.drop { "-+".contains($0) }) }
            writableDirectories = runtimeDirectories + own + asked + ["/tmp", "/var/tmp", "/dev/shm"]
        }
        activeSocketUnit = (unit.texts("TriggeredBy", .unit) ?? []).first {
            SystemdUnit($0)?.text("ActiveState", .unit) == "active"
        }
    }

    private static var openFilesLimit: UInt64 {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return .max }
        return UInt64(limit.rlim_max)
    }

    /// From proc(5); none if it cannot be read.
    private static var effectiveCapabilities: UInt64 {
        guard let status = ProcFile.read("/proc/self/status") else { return 0 }
        for line in status.split(separator: "\n") where line.hasPrefix("CapEff:") {
            return UInt64(line.dropFirst("CapEff:".count).drop { $0 == "\t" || $0 == " " }, radix: 16) ?? 0
        }
        return 0
    }

    /// `net.ipv4.ip_unprivileged_port_start`, which holds for IPv6 too (ip(7)).
    private static var firstUnprivilegedPort: UInt16 {
        let text = ProcFile.read("/proc/sys/net/ipv4/ip_unprivileged_port_start") ?? ""
        return UInt16(text.prefix { $0 != "\n" }) ?? 1024
    }
}

/// A small file of proc(5).
private enum ProcFile {
    /// The first 64 KiB; nil if the file cannot be read.
    static func read(_ path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var text = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe linux_read_all(descriptor, &text, text.count, 0)
        return count < 0 ? nil : String(decoding: text.prefix(count), as: UTF8.self)
    }
}
